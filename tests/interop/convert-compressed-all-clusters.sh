#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every cluster size and both compression types: ours are read by QEMU, QEMU's by us, and both
# checks are content.  The target does not depend on -m, nor on -W.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_text disk.raw 3146240
for cluster_size in 512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M; do
    for type in zlib zstd; do
        options=cluster_size=$cluster_size,compression_type=$type
        qcow-img convert -c -m 1 -f raw -O qcow2 -o "$options" disk.raw ours.qcow2
        qemu-img convert -c -f raw -O qcow2 -o "$options" disk.raw qemu.qcow2
        clean ours.qcow2
        same_disk disk.raw raw ours.qcow2 qcow2
        for image in ours qemu; do
            qcow-img check -q -f qcow2 $image.qcow2 || fail "$options: $image.qcow2 is not clean"
            qcow-img compare -q -f raw -F qcow2 disk.raw $image.qcow2 ||
                fail "$options: we find $image.qcow2 different"
            qcow-img convert -f qcow2 -O raw $image.qcow2 back.raw
            same disk.raw back.raw
        done
        qcow-img convert -c -m 16 -W -f raw -O qcow2 -o "$options" disk.raw other.qcow2
        same ours.qcow2 other.qcow2

        # Compressed clusters compressed again, from either hand.
        qcow-img convert -c -f qcow2 -O qcow2 -o "$options" qemu.qcow2 other.qcow2
        same ours.qcow2 other.qcow2
    done
done

# Without holes (-S 0) every cluster is there.
for size in 0 4k; do
    qcow-img convert -c -S $size -f raw -O qcow2 disk.raw ours-$size.qcow2
    clean ours-$size.qcow2
    same_disk disk.raw raw ours-$size.qcow2 qcow2
done
qemu-img check -f qcow2 ours-0.qcow2 | grep -q '^49/49 = 100.00% allocated' ||
    fail "-S 0 leaves clusters out"
qemu-img check -f qcow2 ours-4k.qcow2 | grep -q '^49/49' && fail "-S 4k leaves nothing out"

# Two disks, the second of which begins inside a cluster.
cat disk.raw disk.raw > both.raw
qcow-img convert -c -f raw -O qcow2 disk.raw disk.raw ours.qcow2
qcow-img convert -c -f raw -O qcow2 both.raw other.qcow2
clean ours.qcow2
same_disk both.raw raw ours.qcow2 qcow2
same_disk both.raw raw other.qcow2 qcow2
