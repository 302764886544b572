#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images that QEMU made of clusters of every size become the raw disk that QEMU makes of them.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
for cluster in 512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M; do
    qemu-img convert -f raw -O qcow2 -o "cluster_size=$cluster" disk.raw image.qcow2
    qemu-io -f qcow2 -c 'discard 2M 1M' -c 'write -z 5M 512k' -c 'write -P 7 100k 9k' \
        image.qcow2 > log
    qemu-img convert -f qcow2 -O raw image.qcow2 qemu.raw
    qcow-img convert -f qcow2 -O raw image.qcow2 ours.raw
    same ours.raw qemu.raw
done
