#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# convert -n -c replaces what is there and leaves alone what lies behind the source's end, even in
# the cluster that both share.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_text disk.raw 1049088
for cluster_size in 4k 64k 2M; do
    for compressed in "" -c; do
        qemu-img create -q -f qcow2 -o cluster_size=$cluster_size target.qcow2 4M
        qemu-io -f qcow2 -c "write $compressed -P 9 0 4M" target.qcow2 > log
        for times in once twice; do
            qcow-img convert -c -n -f raw -O qcow2 disk.raw target.qcow2
            clean target.qcow2
            { cat disk.raw; head -c $((4194304 - 1049088)) /dev/zero | tr '\0' '\11'; } > wanted.raw
            same_disk wanted.raw raw target.qcow2 qcow2
        done
    done
    qemu-img create -q -f qcow2 -o cluster_size=$cluster_size target.qcow2 1049088
    qcow-img convert -c -n --target-is-zero -f raw -O qcow2 disk.raw target.qcow2
    clean target.qcow2
    same_disk disk.raw raw target.qcow2 qcow2
done
