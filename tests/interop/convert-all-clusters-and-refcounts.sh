#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Targets of every cluster size and every refcount width are clean and hold the disk.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
for cluster in 512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M; do
    for bits in 1 16 64; do
        qcow-img convert -O qcow2 -f raw -o "cluster_size=$cluster" -o "refcount_bits=$bits" \
            disk.raw image.qcow2
        clean image.qcow2
        same_disk disk.raw raw image.qcow2 qcow2
    done
done
for bits in 2 4 8 32; do
    qcow-img convert -O qcow2 -f raw -o "refcount_bits=$bits,compat=v3" disk.raw image.qcow2
    clean image.qcow2
    same_disk disk.raw raw image.qcow2 qcow2
done
qcow-img convert -O qcow2 -f qcow2 image.qcow2 again.qcow2
clean again.qcow2
same_disk disk.raw raw again.qcow2 qcow2
