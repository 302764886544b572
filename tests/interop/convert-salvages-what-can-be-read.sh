#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A cluster that cannot be read ends a conversion; with --salvage it becomes zeroes, with a warning,
# and everything else is copied.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

head -c 8M /dev/urandom > disk.raw
qemu-img convert -f raw -O qcow2 disk.raw image.qcow2
# The L2 entry of cluster 100 points far behind the end of the file.
printf '\377\377\377' | dd of=image.qcow2 bs=1 seek=$((0x40000 + 8 * 100 + 2)) conv=notrunc status=none
lost=$((100 * 65536))

for workers in 1 8; do
    refuses "error while reading" convert -m "$workers" -f qcow2 -O raw image.qcow2 target.raw
    [[ ! -e target.raw ]] || fail "the target was left behind"
done

cp disk.raw expected.raw
dd if=/dev/zero of=expected.raw bs=64k seek=100 count=1 conv=notrunc status=none
run qcow-img convert --salvage -f qcow2 -O raw image.qcow2 target.raw
[[ $status -eq 0 ]] || fail "status $status with --salvage: $(cat err)"
same target.raw expected.raw
grep -q "warning: error while reading.* offset $lost:" err || fail "no warning about $lost: $(cat err)"
grep "warning: error while reading" err | grep -vE "offset ($(seq -s '|' "$lost" 512 $((lost + 65535)))):" &&
    fail "a warning about what is well"

run qcow-img convert --salvage -q -f qcow2 -O qcow2 image.qcow2 target.qcow2
[[ $status -eq 0 && ! -s err ]] || fail "-q: status $status, $(cat err)"
clean target.qcow2
same_disk target.qcow2 qcow2 expected.raw raw
