#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# New images are preallocated as qemu-img does it, compressed by the type that was asked for, and
# take as much of the host's space.  (With falloc and full QEMU sets all metadata before the data,
# which shows in the map where there is more than one L2 table.)
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

for mode in off metadata falloc full; do
    for options in cluster_size=64k cluster_size=4k,refcount_bits=1 \
        cluster_size=2M,refcount_bits=64 compat=0.10; do
        image=$mode-$options.qcow2
        same create -f qcow2 -o "preallocation=$mode,$options" "$image" 10M
        same info "$image"
        same check "$image"
        [[ $mode-$options == f*-cluster_size=4k* ]] || same map --output=json "$image"
        qemu-img check -q "ours/$image"
        qemu-img compare -q "theirs/$image" "ours/$image"
        case $options in
        cluster_size=2M*) same_space "$image" $((4 << 20)) ;;
        *) same_space "$image" $((128 << 10)) ;;
        esac
    done
    # What was preallocated is written like anything else.
    both qemu-io -c 'write -P 7 1M 100k' "$mode-cluster_size=64k.qcow2"
    qcow-img check -q "ours/$mode-cluster_size=64k.qcow2"
    qcow-img compare -q "theirs/$mode-cluster_size=64k.qcow2" "ours/$mode-cluster_size=64k.qcow2"
done
same create -f qcow2 -o extended_l2=on,preallocation=metadata subclusters.qcow2 10M
same info subclusters.qcow2
same info --output=json subclusters.qcow2
same check subclusters.qcow2
same map --output=json subclusters.qcow2
cmp theirs/subclusters.qcow2 ours/subclusters.qcow2
same create -f qcow2 -o extended_l2=on,compat=0.10 b.qcow2 1M
same create -f qcow2 -o extended_l2=on,cluster_size=8k b.qcow2 1M
same create -f qcow2 -o extended_l2=perhaps b.qcow2 1M
same create -f qcow2 -b empty.qcow2 -F qcow2 -o preallocation=metadata b.qcow2 1M
same create -f qcow2 -o preallocation=metadata empty.qcow2 0
same check empty.qcow2
same create -f qcow2 -o preallocation=sparse b.qcow2 1M

for mode in off falloc full; do
    same create -f raw -o preallocation=$mode "$mode.raw" 1000000
    cmp "theirs/$mode.raw" "ours/$mode.raw"
    same_space "$mode.raw" 4096
done
same create -f raw -o preallocation=sparse b.raw 1M

same create -f qcow2 -o compression_type=zstd zstd.qcow2 1M
same info zstd.qcow2
same info --output=json zstd.qcow2
same check zstd.qcow2
cmp theirs/zstd.qcow2 ours/zstd.qcow2
both qemu-io -c 'write -c -P 1 0 64k' zstd.qcow2
same check zstd.qcow2
same map zstd.qcow2
qcow-io -c 'read -P 1 0 64k' ours/zstd.qcow2 >/dev/null
same create -f qcow2 -o compression_type=zstd,compat=0.10 b.qcow2 1M
finish
