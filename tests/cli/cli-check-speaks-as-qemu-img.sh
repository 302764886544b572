# SPDX-License-Identifier: BSD-3-Clause
# What check finds, prints and exits with is what qemu-img's does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

# Overwrite bytes of a copy: damaged NEW.qcow2 OFFSET BYTES, OFFSET BYTES, ...
damaged() {
    local new=$1
    shift
    cp theirs/base.qcow2 damaged.tmp
    while [ $# -gt 0 ]; do
        printf "$2" | dd of=damaged.tmp bs=1 seek=$(($1)) conv=notrunc status=none
        shift 2
    done
    both_get "$new.qcow2" <damaged.tmp
}

both qemu-img create -f qcow2 base.qcow2 10M
both qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 128k' base.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
both qemu-io -c 'write -P 1 64k 64k' -c 'write -z 2M 1M' top.qcow2
both qemu-img snapshot -c one top.qcow2
both qemu-io -c 'write -P 3 64k 128k' top.qcow2
both qemu-img create -f qcow2 -o compat=0.10 v2.qcow2 10M
both qemu-img create -f qcow2 empty.qcow2 0
both qemu-img convert -c -O qcow2 base.qcow2 compressed.qcow2
both qemu-img create -f raw r.raw 1M
damaged leak 0x20006 '\0\2'
damaged corrupt 0x20008 '\0\0'
damaged both 0x20006 '\0\2' 0x20008 '\0\0'
damaged copied 0x20006 '\0\2' 0x20008 '\0\2'
damaged dirty 79 '\1'
damaged marked 79 '\2'
damaged l1 0x30000 '\200\0\0\0\0\7\2\0'

for image in base top v2 empty compressed leak corrupt both copied dirty marked l1; do
    same check "$image.qcow2"
    same check --output=json "$image.qcow2"
    same check -q "$image.qcow2"
done
same check -U base.qcow2
same check -T none base.qcow2
same check -T foo base.qcow2
same check r.raw
same check --output=json r.raw
same check -f raw base.qcow2
same check -f qcow2 r.raw
same check nothere
same check
same check a b
same check -r foo base.qcow2

# Each repair of a fresh copy.
repair() {
    both cp "$1" repaired.qcow2
    shift
    same check "$@" repaired.qcow2
}

damaged copied-1 0x40000 '\0'
damaged misplaced 0x40008 '\200\0\0\0\0\5\2\1'
damaged unaligned 0x40008 '\200\0\0\0\0\5\2\0'
damaged no-block 0x10000 '\0\0\0\0\0\0\0\0'
damaged no-table 56 '\0\0\0\0'
for image in base top v2 empty compressed leak both copied copied-1 dirty marked misplaced unaligned; do
    for what in leaks all; do
        repair "$image.qcow2" -r "$what"
        repair "$image.qcow2" -r "$what" --output=json
        repair "$image.qcow2" -q -r "$what"
    done
done
for image in corrupt no-block no-table; do
    repair "$image.qcow2" -r all
    repair "$image.qcow2" -r leaks
done
same check -r all r.raw
finish
