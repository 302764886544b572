#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -l copies an internal snapshot, which is named by its id, its name, or both.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

qemu-img create -q -f qcow2 image.qcow2 4M
qemu-io -f qcow2 -c 'write -P 1 0 1M' image.qcow2 > log
qemu-img snapshot -c first image.qcow2
qemu-io -f qcow2 -c 'write -P 2 512k 1M' image.qcow2 > log
qemu-img snapshot -c 1st image.qcow2
qemu-io -f qcow2 -c 'write -P 3 1M 2M' image.qcow2 > log

for snapshot in 1 first 2 1st snapshot.id=2 snapshot.name=first snapshot.id=2,snapshot.name=1st; do
    qcow-img convert -f qcow2 -O raw -l "$snapshot" image.qcow2 ours.raw
    qemu-img convert -f qcow2 -O raw -l "$snapshot" image.qcow2 qemu.raw
    same ours.raw qemu.raw
    qcow-img convert -f qcow2 -O qcow2 -l "$snapshot" image.qcow2 ours.qcow2
    clean ours.qcow2
    same_disk ours.qcow2 qcow2 qemu.raw raw
done
rm ours.raw
refuses "Can't find snapshot" convert -f qcow2 -l third image.qcow2 ours.raw
refuses "Failed to load snapshot: Can't find snapshot" \
    convert -f qcow2 -l snapshot.id=1,snapshot.name=1st image.qcow2 ours.raw
refuses "Failed to load snapshot: Can't find snapshot" \
    convert -f qcow2 -l snapshot.id=first image.qcow2 ours.raw
refuses "Invalid parameter 'snapshot.date'" \
    convert -f qcow2 -l snapshot.date=1 image.qcow2 ours.raw
refuses "No support for concatenating multiple snapshot" \
    convert -f qcow2 -l first image.qcow2 image.qcow2 ours.raw
refuses "raw" convert -f raw -l first image.qcow2 ours.raw
[[ ! -e ours.raw ]] || fail "a refused conversion made its target"
