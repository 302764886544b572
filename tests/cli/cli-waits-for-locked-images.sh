#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A locked image: the refusal names the holder and what can be done; --wait waits until the holder,
# QEMU's programs or ours, is gone; and QEMU's are refused while we hold it.
set -eu
top=$(mktemp -d)
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$top"' EXIT
cd "$top"
[ -r /proc/locks ] || {
    echo "skipped: /proc/locks cannot be read"
    exit 77
}

fail() {
    echo "$*"
    exit 1
}

# Wait until somebody forbids others to write the image (byte 201), without a lock that could get in
# the way; then be refused.
see_it_held() {
    local inode
    inode=$(stat -c %i disk.qcow2)
    for _ in $(seq 200); do
        if grep -q ":$inode 201 201" /proc/locks; then
            ! qcow-img resize disk.qcow2 2M >/dev/null 2>refusal && return
        fi
        sleep 0.05
    done
    fail "nobody holds the image: $(cat holder.err)"
}

# hold COMMAND...: runs it, and returns when it has the image; it ends when it is let go.
hold() {
    rm -f input
    mkfifo input
    "$@" <input >/dev/null 2>holder.err &
    holder=$!
    exec 5>input
    see_it_held
}

let_go() {
    exec 5>&-
}

# waits COMMAND...: it says that it waits, and comes to its end when the holder, which then ends by
# "$end", is gone.
end=let_go
waits() {
    local waiting
    : >err
    "$@" >/dev/null 2>err 5>&- &
    waiting=$!
    while ! grep -q 'waiting: Failed to get' err; do
        kill -0 "$waiting" 2>/dev/null || fail "$* did not wait: $(cat err)"
        sleep 0.05
    done
    $end
    wait "$waiting" || fail "$*: $(cat err)"
    released
}

end_holder() {
    kill "$holder"
}

released() {
    wait "$holder" || true
    holder=
}

# refused NAME: the refusal of hold() is as it should be.
refused() {
    grep -qF 'Is another process using the image [disk.qcow2]?' refusal || fail "$(cat refusal)"
    grep -qF -- '--wait' refusal || fail "no advice: $(cat refusal)"
    ! grep -qF -- '-U' refusal || fail "wrong advice: $(cat refusal)"
    if [ -r /proc/self/fdinfo/0 ]; then
        grep -qE "held by $1, pid [0-9]+" refusal || fail "no holder: $(cat refusal)"
    fi
}

waits_for() {
    local name=$1
    shift
    qcow-img create -q -f qcow2 disk.qcow2 1M
    hold "$@"
    refused "$name"
    # For a while, in vain; then as long as it takes.
    if qcow-img info --wait=1 disk.qcow2 >/dev/null 2>err; then fail "info did not wait for $name"; fi
    grep -qF -- '(--wait=1 was not long enough; -U reads it all the same)' err || fail "$(cat err)"
    waits qcow-img snapshot --wait=600 -c "after $name" disk.qcow2
    qcow-img snapshot -l disk.qcow2 | grep -q "after $name"
}

# The seconds as a word of their own would be the image's name.
for words in 'qcow-img info --wait 5 disk.qcow2' 'qcow-img resize --wait 5 disk.qcow2 2M' \
    'qcow-io --wait 5 disk.qcow2'; do
    if $words >/dev/null 2>err; then fail "$words is not refused"; fi
    grep -qF -- '--wait=5' err || fail "$words: $(cat err)"
done
qcow-img create -q -f qcow2 5 1M
qcow-img info --wait 5 >/dev/null
rm 5

# qcow-img info -U reads what is held.
waits_for '(lt-)?qcow-io' qcow-io disk.qcow2
if command -v qemu-io >/dev/null; then
    waits_for qemu-io qemu-io disk.qcow2

    # The same for other programs that lock: create, convert, dd, qcow-io.
    qcow-img create -q -f raw source.raw 1M
    for words in 'create --wait -q -f qcow2 disk.qcow2 3M' \
        'convert --wait -f raw -O qcow2 source.raw disk.qcow2' \
        'dd --wait -f raw -O qcow2 if=source.raw of=disk.qcow2' \
        'check --wait -q disk.qcow2'; do
        qcow-img create -q -f qcow2 disk.qcow2 1M
        hold qemu-io disk.qcow2
        # shellcheck disable=SC2086
        waits qcow-img $words
    done
    hold qemu-io disk.qcow2
    waits qcow-io --wait -c 'write 0 4k' disk.qcow2

    # The other way round.
    hold qcow-io disk.qcow2
    if qemu-img snapshot -c no disk.qcow2 2>/dev/null; then fail "QEMU writes what we hold"; fi
    let_go
    released
fi
end=end_holder
if command -v qemu-nbd >/dev/null; then
    qcow-img create -q -f qcow2 disk.qcow2 1M
    qemu-nbd -t -f qcow2 -k "$top/socket" disk.qcow2 2>holder.err &
    holder=$!
    see_it_held
    refused qemu-nbd
    waits qcow-img resize -q --wait disk.qcow2 4M
fi
if command -v qemu-system-x86_64 >/dev/null; then
    qcow-img create -q -f qcow2 disk.qcow2 1M
    qemu-system-x86_64 -accel tcg -nodefaults -display none -S \
        -drive if=virtio,format=qcow2,file=disk.qcow2 2>holder.err &
    holder=$!
    see_it_held
    refused qemu-system-x86
    waits qcow-img resize -q --wait=600 disk.qcow2 4M
fi

# Nobody waits for what the command itself holds.
qcow-img create -q -f qcow2 disk.qcow2 1M
for words in 'rebase --wait -b disk.qcow2 -F qcow2 disk.qcow2' \
    'convert --wait -n -O qcow2 disk.qcow2 disk.qcow2' \
    'create --wait -q -f qcow2 -o data_file=disk.qcow2 disk.qcow2 1M'; do
    status=0
    # shellcheck disable=SC2086
    timeout 60 qcow-img $words 2>err || status=$?
    if [ ! -r /proc/self/fdinfo/0 ]; then continue; fi
    [ $status -eq 1 ] || fail "$words: status $status, $(cat err)"
    ! grep -qe 'waiting:' -e '--wait waits' err || fail "$words: $(cat err)"
done

for wrong in x -1 1.5 ''; do
    if qcow-img info "--wait=$wrong" disk.qcow2 >/dev/null 2>err; then fail "--wait=$wrong is taken"; fi
    grep -q 'Invalid time to wait' err || fail "$(cat err)"
done
