#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A small image does not make much work, whatever it says: tables that are named over and over in a file
# that holes make long, and, with --untrusted, passwords that take long to try.
set -eu
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
cd "$top"

fail() {
    echo "$*"
    exit 1
}

# word FILE OFFSET BYTES: a number of the image's, in hexadecimal.
word() {
    od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'
}

# put FILE OFFSET: standard input.
put() {
    dd of="$1" bs=512 seek="$2" oflag=seek_bytes conv=notrunc status=none
}

# 32768 L1 entries name one L2 table, whose entries name one cluster: 16 TiB in 400 KiB.  The file is so
# long that there would be room for as many tables.
qcow-img create -q -f qcow2 shared.qcow2 16T
qcow-io -c 'write -q -P 7 0 64k' shared.qcow2
l1=$((16#$(word shared.qcow2 40 8)))
l2=$((16#$(word shared.qcow2 $l1 8) & ~(1 << 63)))
# eight bytes become as many as an L1 table, or an L2 table, has
repeated() {
    dd if=shared.qcow2 bs=8 count=1 skip="$1" iflag=skip_bytes status=none >entries
    while [ "$(stat -c %s entries)" -lt "$2" ]; do
        cat entries entries >more
        mv more entries
    done
    cat entries
}
repeated "$l1" $((32768 * 8)) | put shared.qcow2 "$l1"
repeated "$l2" 65536 | put shared.qcow2 "$l2"
truncate -s 4G shared.qcow2
for verb in map measure\ -Oraw measure\ -Oqcow2 compare\ shared.qcow2 convert\ -Oqcow2 bench\ -c1; do
    # shellcheck disable=SC2086
    for how in '' --untrusted; do
        target=$([[ $verb == convert* ]] && echo target || true)
        if timeout 10 qcow-img $verb $how shared.qcow2 $target >out 2>err; then fail "$verb: accepted"; fi
        grep -qF 'it names the same ones over and over' err || fail "$verb $how: $(tail -c 300 err)"
    done
done
timeout 10 qcow-img info shared.qcow2 >/dev/null
timeout 10 qcow-img audit shared.qcow2 >/dev/null && fail "audit found nothing"
timeout 10 qcow-img check shared.qcow2 >/dev/null 2>&1 && fail "check found nothing"

# Two tables that are one are damage, but no more than that.
qcow-img create -q -f qcow2 twice.qcow2 4G
qcow-io -c 'write -q -P 7 0 64k' twice.qcow2
l1=$((16#$(word twice.qcow2 40 8)))
dd if=twice.qcow2 bs=8 count=1 skip="$l1" iflag=skip_bytes status=none | put twice.qcow2 $((l1 + 8))
qcow-io -r -c 'read -q -P 7 512M 64k' twice.qcow2 | grep . && fail "a table that is named twice is not read"

# A key slot that takes 40 million iterations: fewer than are refused altogether.
luks=(--object secret,id=s,data=x)
qcow-img create -q "${luks[@]}" -f luks -o key-secret=s,iter-time=10 disk.luks 1M
printf '\x02\x62\x5a\x00' | put disk.luks 212
qcow-img info --untrusted disk.luks >/dev/null
for command in 'qcow-img convert -O raw' 'qcow-img compare'; do
    if timeout 10 $command "${luks[@]}" --untrusted --image-opts \
        driver=luks,file.filename=disk.luks,key-secret=s target.raw >out 2>err; then
        fail "$command: the password was tried"
    fi
    grep -qF 'rounds of PBKDF2 to try a password (at most 33554432)' err || fail "$command: $(cat err)"
done
if timeout 10 qcow-io "${luks[@]}" --untrusted --image-opts -c length \
    driver=luks,file.filename=disk.luks,key-secret=s >out 2>&1; then fail "qcow-io tried the password"; fi
grep -qF 'at most 33554432' out || fail "qcow-io: $(cat out)"
