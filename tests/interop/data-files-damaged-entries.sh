#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Entries that contradict the data file: reading says which and fails, nothing is written, the image is
# marked as corrupt where it was open for writing, and a check tells.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

qemu-img create -q -f qcow2 -o data_file=data.raw good.qcow2 1M
qemu-io -c 'write -P 1 0 256k' good.qcow2 > /dev/null
sum=$(md5sum data.raw)

# damage NAME OFFSET BYTES: a copy of the good image with other bytes.
damage() {
    cp good.qcow2 "$1"
    # shellcheck disable=SC2059
    printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

# met IMAGE TEXT: what reading, mapping and writing the second cluster come to.
met() {
    refuses "$2" map "$1"
    run qcow-io -r -c 'read 64k 64k' "$1"
    grep -qF "$2" err || fail "reading $1 says \"$(cat err)\""
    cmp "$1" "$1.before" || fail "$1 has changed by reading"
    run qcow-io -c 'write -P 9 100k 1k' "$1"
    grep -qF "$2" err || fail "writing $1 says \"$(cat err)\""
    qcow-img info "$1" | grep -q 'corrupt: true' || fail "$1 is not marked as corrupt"
    echo "$sum" | md5sum -c --quiet || fail "$1: the data file has changed"
}

entry=0x40008 # of the second cluster
damage elsewhere.qcow2 $entry '\x80\0\0\0\0\x02\0\0'
damage elsewhere-zero.qcow2 $entry '\x80\0\0\0\0\x02\0\x01'
damage compressed.qcow2 $entry '\x40\0\0\0\0\x05\0\0'
for image in elsewhere elsewhere-zero compressed; do
    cp $image.qcow2 $image.qcow2.before
done
met elsewhere.qcow2 'does not match the guest offset'
met elsewhere-zero.qcow2 'does not match the guest offset'
met compressed.qcow2 'describes a compressed cluster'

for image in elsewhere elsewhere-zero; do
    run qcow-img check $image.qcow2.before
    [[ $status -eq 2 ]] || fail "check $image: status $status"
    grep -q 'guest offset 10000 is not at its place' err || fail "check $image: $(cat out err)"
done
says_what_qemu_says check compressed.qcow2.before

# A data file that has become shorter: what is lost is not zero.
cp good.qcow2 short.qcow2
cp good.qcow2 short.qcow2.before
truncate -s 64k data.raw
sum=$(md5sum data.raw)
qcow-io -r -c 'read -P 1 0 64k' short.qcow2 > out || fail "what is left is not read"
met short.qcow2 'points beyond the end of the data file'

# The first cluster, whose offset is 0: in use, zero, nothing.
qemu-img create -q -f qcow2 -o data_file=first.raw first.qcow2 1M
says_what_qemu_says map --output=json first.qcow2
for command in 'write -P 3 0 64k' 'write -z 0 64k' 'write -P 4 512 512' 'discard 0 64k'; do
    qcow-io -d unmap -c "$command" first.qcow2 > out
    says_what_qemu_says map --output=json first.qcow2
    says_what_qemu_says check first.qcow2
done
