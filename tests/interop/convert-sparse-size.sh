#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -S says how many zeroes make a hole: the holes are where QEMU makes them.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
for ((i = 0; i < 200; i++)); do
    printf x | dd of=disk.raw bs=1 seek=$((i * i * 150)) conv=notrunc status=none
done
cp --sparse=never disk.raw full.raw
for sparse in 0 512 4k 12k 64k 100k 1M 16M; do
    for source in disk full; do
        qcow-img convert -S "$sparse" -f raw -O raw "$source.raw" ours.raw
        qemu-img convert -S "$sparse" -f raw -O raw "$source.raw" qemu.raw
        same ours.raw disk.raw
        [[ $(stat -c %b ours.raw) -eq $(stat -c %b qemu.raw) ]] ||
            fail "-S $sparse: $(stat -c %b ours.raw) blocks, QEMU's $(stat -c %b qemu.raw)"
        qcow-img convert -S "$sparse" -f raw -O qcow2 -o cluster_size=4k "$source.raw" ours.qcow2
        qemu-img convert -S "$sparse" -f raw -O qcow2 -o cluster_size=4k "$source.raw" qemu.qcow2
        clean ours.qcow2
        same_layout ours.qcow2 qemu.qcow2
    done
done
for size in 1000 17M x; do
    refuses "Invalid buffer size for sparse output specified." convert -S "$size" disk.raw no.raw
done
