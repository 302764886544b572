#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A refcount of one bit counts one stream: streams share no host cluster, and the image is no larger
# than a plain one of as many clusters.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_text disk.raw 2097152
for size in 512 4k 64k; do
    for type in zlib zstd; do
        options=cluster_size=$size,compression_type=$type,refcount_bits
        qcow-img convert -c -f raw -O qcow2 -o $options=1 disk.raw one.qcow2
        qcow-img convert -c -f raw -O qcow2 -o $options=16 disk.raw sixteen.qcow2
        qcow-img convert -f raw -O qcow2 -o $options=1 disk.raw plain.qcow2
        for image in one sixteen; do
            clean $image.qcow2
            qcow-img check -q -f qcow2 $image.qcow2 || fail "$size $type: qcow-img check $image"
            same_disk disk.raw raw $image.qcow2 qcow2
        done
        (($(stat -c %s one.qcow2) > $(stat -c %s sixteen.qcow2))) || fail "$size: streams are shared"
        (($(stat -c %s one.qcow2) <= $(stat -c %s plain.qcow2))) || fail "$size: larger than plain"

        qcow-io -f qcow2 -c 'discard 0 1M' -c 'write -P 1 1M 100k' one.qcow2 > log
        clean one.qcow2
        qemu-io -f qcow2 -c 'read -P 1 1M 100k' one.qcow2 | grep -q '^100 KiB' || fail "not read back"
    done
done
