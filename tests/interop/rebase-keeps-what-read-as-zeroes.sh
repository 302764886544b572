#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A safe rebase onto a first backing file keeps the zeroes of what the image does not hold: version 3
# marks them, version 2 has to write them.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

qemu-img create -q -f raw base.raw 3M
qemu-io -f raw -c 'write -q -P 6 0 3M' base.raw

for version in 0.10 1.1; do
    for cluster in 512 64k 2M; do
        # the disk ends within a cluster and before the base does
        qemu-img create -q -f qcow2 -o "compat=$version,cluster_size=$cluster" disk.qcow2 2098688
        qemu-io -c 'write -q -P 1 100k 30k' -c 'write -q -P 2 1M 512' disk.qcow2
        qemu-img convert -O raw disk.qcow2 before.raw
        qcow-img rebase -b base.raw -F raw disk.qcow2
        qemu-img check -q disk.qcow2
        qemu-img convert -O raw disk.qcow2 after.raw
        cmp before.raw after.raw || {
            echo "version $version, clusters of $cluster: the disk has changed"
            exit 1
        }
    done
done
