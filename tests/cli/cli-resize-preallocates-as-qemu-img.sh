#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is added to a disk is allocated as qemu-img allocates it: the same map where only metadata is
# wanted, and as much of the host's space.  (With falloc and full QEMU puts new refcount blocks in
# another place.)
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

for mode in metadata falloc full; do
    for cluster in 4k 64k 2M; do
        image=$mode-$cluster.qcow2
        both qemu-img create -f qcow2 -o cluster_size=$cluster "$image" 1M
        both qemu-io -c 'write -P 1 0 1M' "$image"
        same resize --preallocation=$mode "$image" 9M
        same info "$image"
        qemu-img check -q "ours/$image"
        qemu-img compare -q "theirs/$image" "ours/$image"
        same_space "$image" $((3 * $(numfmt --from=iec ${cluster^^})))
        if [ $mode = metadata ]; then
            same check "$image"
            same map --output=json "$image"
        fi
        same resize --shrink "$image" 512k
        same info "$image"
        qemu-img check -q "ours/$image"
        qemu-img compare -q "theirs/$image" "ours/$image"
    done
done

both qemu-img create -f raw r.raw 1M
for mode in off falloc full; do
    same resize -f raw --preallocation=$mode r.raw +1M
    same_space r.raw 0
    cmp theirs/r.raw ours/r.raw
done
same resize -f raw --shrink --preallocation=falloc r.raw 1M
same resize -f raw --shrink r.raw 1M
cmp theirs/r.raw ours/r.raw

# Where the host has no room for the new part the disk keeps its size.
both qemu-img create -f qcow2 q.qcow2 1M
both qemu-io -c 'write -P 1 0 1M' q.qcow2
for mode in falloc full; do
    for image in q.qcow2 r.raw; do
        for tools in qemu qcow; do
            ! (ulimit -f 8192; cd ours; "$tools-img" resize --preallocation=$mode "$image" 64M) 2>error
            qemu-img info "ours/$image" | grep -q '^virtual size: 1 MiB'
            qemu-img compare -q "theirs/$image" "ours/$image"
        done
    done
    qemu-img check -q ours/q.qcow2
done
finish
