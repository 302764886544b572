#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The states of a machine that QEMU saved are listed, read and kept through everything we do to the
# image, and QEMU wakes the machine from them afterwards; also from a state that was written by us, which
# lies where QEMU's own would.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

vm_state=$abs_top_builddir/tests/interop/vm-state

if ! command -v qemu-system-x86_64 > /dev/null; then
    echo "skipped: qemu-system-x86_64 is not installed"
    exit 77
fi

# machine IMAGE COMMAND...: a small machine with the image as its disk and with random bytes in its memory,
# not running until it is told to, obeys the commands of its monitor ("sleep N" is ours).  What it
# answers is in answers.
machine() {
    local image=$1 command
    shift
    for command in "$@" quit; do
        case $command in
        sleep*) $command ;;
        *) echo "$command" ;;
        esac
    done | timeout 60 qemu-system-x86_64 -accel tcg -machine microvm -m 8 -nodefaults -display none -S \
        -device loader,file=memory,addr=0x100000,force-raw=on \
        -blockdev "driver=qcow2,node-name=disk,file.driver=file,file.filename=$image" \
        -device virtio-blk-device,drive=disk -monitor stdio > raw-answers 2>&1 ||
        fail "the machine did not end well: $(cat raw-answers)"
    sed -E 's/.*\x1b\[[KD]//; s/\r//; /^QEMU .* monitor/d; /^$/d' raw-answers > answers
    ! grep -aqi 'error' answers || fail "$*: $(cat answers)"
}

state_of_machine=('info registers' 'xp /64wx 0x100000' 'xp /64wx 0x300000' 'xp /64wx 0')

# wakes IMAGE SNAPSHOT: a machine is woken from a copy of the image and is what it was.
wakes() {
    cp "$1" woken.qcow2
    machine woken.qcow2 "loadvm $2" "${state_of_machine[@]}"
    cmp answers "$2.answers" || fail "the machine that was woken from $2 is another one"
    clean woken.qcow2
}

# keeps IMAGE SNAPSHOT...: the image is in order, the snapshots' states are the bytes that QEMU wrote.
keeps() {
    local image=$1 name
    shift
    clean "$image"
    qcow-img check -q "$image"
    for name; do
        "$vm_state" snapshot "$image" "$name" > read
        same read "$name.state"
    done
}

fill memory 0 3000000

# Two states of a running machine, and a disk that changes in between.
qemu-img create -q -f qcow2 -o cluster_size=4k disk.qcow2 16M
qemu-io -c 'write -q -P 1 0 3M' disk.qcow2
cp disk.qcow2 before.qcow2
machine disk.qcow2 cont 'sleep 0.3' stop 'savevm one' "${state_of_machine[@]}"
mv answers one.answers
cp disk.qcow2 after.qcow2
qemu-io -c 'write -q -P 2 1M 4M' disk.qcow2
machine disk.qcow2 cont 'sleep 0.2' stop 'savevm two' "${state_of_machine[@]}"
mv answers two.answers
qemu-io -c 'write -q -P 3 2M 1M' disk.qcow2

qemu-img snapshot -l disk.qcow2 > theirs
qcow-img snapshot -l disk.qcow2 > ours
same theirs ours
qemu-img info --output=json disk.qcow2 > theirs
qcow-img info --output=json disk.qcow2 > ours
same theirs ours
for name in one two; do
    "$vm_state" snapshot disk.qcow2 $name > $name.state
    cp disk.qcow2 applied.qcow2
    qemu-img snapshot -a $name applied.qcow2
    qemu-io -r -c "read -b -v -q 0 4k" applied.qcow2 > theirs
    qcow-io -r -c "read -b -v -q 0 4k" applied.qcow2 > ours
    same theirs ours
done

# The same bytes written by us make the same image, and QEMU wakes the machine from it.
fact() { # KEY: of the only snapshot of after.qcow2
    qemu-img info --output=json after.qcow2 | grep -oP "\"$1\": \K[0-9]+"
}
"$vm_state" save before.qcow2 one "$(fact date-sec)" "$(fact date-nsec)" \
    $(($(fact vm-clock-sec) * 1000000000 + $(fact vm-clock-nsec))) - < one.state
keeps before.qcow2 one
wakes before.qcow2 one
# (but for the flags COPIED of its L1 table, which mean nothing there)
[[ $(stat -c %s one.state) -gt 3000000 && $(fact vm-clock-nsec) -gt 0 ]] || fail "that was no machine"
differences=$(cmp -l before.qcow2 after.qcow2 | grep -vE '^ *[0-9]+ +0 200$' || :)
[[ -z $differences ]] || fail "QEMU's image is another one: $(head -n 20 <<< "$differences")"

# Whatever is done to the image ...
qcow-img snapshot -c between disk.qcow2
qcow-io -c 'write -q -P 4 0 8M' -c 'write -q -z 2M 1M' disk.qcow2
keeps disk.qcow2 one two
qcow-img snapshot -a two disk.qcow2
"$vm_state" active disk.qcow2 "$(stat -c %s two.state)" > read
same read two.state
qemu-io -r -c 'read -q -P 1 0 1M' -c 'read -P 2 1M 1M' disk.qcow2 > out
qcow-img snapshot -a between disk.qcow2
qcow-img snapshot -d between disk.qcow2
keeps disk.qcow2 one two
wakes disk.qcow2 one
wakes disk.qcow2 two

qcow-img amend -q -o compat=v2 disk.qcow2
keeps disk.qcow2 one two
qcow-img amend -q -o compat=v3 disk.qcow2
qcow-img amend -q -o refcount_bits=32 disk.qcow2
keeps disk.qcow2 one two
wakes disk.qcow2 two

qcow-img resize -q disk.qcow2 100M
qcow-img resize -q --shrink disk.qcow2 5M
keeps disk.qcow2 one two
wakes disk.qcow2 one

# ... destroyed refcounts included: those of the header, and those of the state.
for cluster in 0 900; do
    cp disk.qcow2 damaged.qcow2
    table=$(od -An -tu8 -j48 -N8 --endian=big damaged.qcow2)
    block=$(od -An -tu8 -j$((table)) -N8 --endian=big damaged.qcow2)
    head -c 200 /dev/zero |
        dd of=damaged.qcow2 bs=1 seek=$((block + cluster * 4 % 4096)) conv=notrunc status=none
    run qemu-img check damaged.qcow2
    [[ $status -eq 2 ]] || fail "the refcounts were not damaged"
    qcow-img check -q -r all damaged.qcow2
    keeps damaged.qcow2 one two
    wakes damaged.qcow2 one
done

# A snapshot's disk is converted without the state; a deleted one takes it along.
qcow-img convert -q -l two -O qcow2 disk.qcow2 copy.qcow2
qemu-io -r -c 'read -q -P 1 0 1M' -c 'read -q -P 2 1M 4M' copy.qcow2
length=$(stat -c %s disk.qcow2)
qcow-img snapshot -d one disk.qcow2
keeps disk.qcow2 two
wakes disk.qcow2 two
qcow-img snapshot -d two disk.qcow2
keeps disk.qcow2
[[ $(qcow-img snapshot -l disk.qcow2) == "" ]]
