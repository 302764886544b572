#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Going down to version 2 writes zeroes where the disk has zero clusters, and never into a host cluster
# that holds a snapshot's data (QEMU 7.2 does).
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

# amended OPTIONS: an image of which both states stay as they are.
amended() {
    qemu-img convert -O raw d.qcow2 disk.raw
    qemu-img convert -l s -O raw d.qcow2 s.raw
    qcow-img amend -o "$1" d.qcow2
    qemu-img check -q d.qcow2
    qcow-img check -q d.qcow2
    qemu-img info d.qcow2 | grep -q 'compat: 0.10'
    qemu-img compare -q disk.raw d.qcow2
    qemu-img convert -l s -O raw d.qcow2 after.raw
    cmp s.raw after.raw
}

for cluster in 512 65536; do
    qemu-img create -q -f qcow2 -o cluster_size=$cluster d.qcow2 1M
    qemu-io -c 'write -P 1 0 512k' d.qcow2 >/dev/null
    qemu-img snapshot -c s d.qcow2
    qemu-io -c 'write -z 0 128k' -c 'write -z -u 192k 64k' -c 'write -z 600k 64k' d.qcow2 >/dev/null
    amended compat=0.10

    # The same above a backing file, which must not show through in either state.
    qemu-img create -q -f raw base.raw 900k
    qemu-io -f raw -c 'write -P 7 0 900k' base.raw >/dev/null
    qemu-img create -q -f qcow2 -o cluster_size=$cluster,refcount_bits=64 -b base.raw -F raw \
        d.qcow2 1M
    qemu-io -c 'write -P 1 0 256k' -c 'write -z -u 512k 128k' -c 'write -z 700k 90k' d.qcow2 >/dev/null
    qemu-img snapshot -c s d.qcow2
    qemu-io -c 'write -z 0 128k' -c 'discard 192k 64k' -c 'write -P 2 600k 64k' d.qcow2 >/dev/null
    amended compat=0.10,refcount_bits=16
done
