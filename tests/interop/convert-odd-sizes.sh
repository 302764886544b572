#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Disks of any size: nothing, less than a sector, no multiple of a cluster, a window or a sector.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

for size in 0 1 511 512 513 1000 4096 65024 65536 66048 1049088 2096640 2097152 2097664 4194304 \
    6292000; do
    head -c "$size" /dev/urandom > disk.raw
    qcow-img convert -f raw -O raw disk.raw ours.raw
    qemu-img convert -f raw -O raw disk.raw qemu.raw
    same ours.raw qemu.raw
    qcow-img convert -f raw -O qcow2 disk.raw ours.qcow2
    qemu-img convert -f raw -O qcow2 disk.raw qemu.qcow2
    clean ours.qcow2
    same_layout ours.qcow2 qemu.qcow2
    qcow-img convert -f qcow2 -O raw qemu.qcow2 back.raw
    same back.raw qemu.raw
    qcow-img compare -q -f raw -F qcow2 disk.raw ours.qcow2 || fail "compare of $size bytes"
done
