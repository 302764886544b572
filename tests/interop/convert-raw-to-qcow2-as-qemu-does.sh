#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What convert makes of a raw disk is, cluster for cluster, what qemu-img makes of it.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
for options in "" -o{cluster_size=4k,compat=0.10,refcount_bits=1,lazy_refcounts=on}; do
    rm -f ours.qcow2 qemu.qcow2
    qcow-img convert -f raw -O qcow2 $options disk.raw ours.qcow2
    qemu-img convert -f raw -O qcow2 $options disk.raw qemu.qcow2
    clean ours.qcow2
    same_disk disk.raw raw ours.qcow2 qcow2
    same_layout ours.qcow2 qemu.qcow2
done
