#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk above a backing file, shorter than it or longer, that ends inside a cluster or not, becomes larger,
# smaller and larger again: what is added reads as zeroes, what was there stays, in both versions, with every
# kind of preallocation.  QEMU sees it so, too, and so does it where it can.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

qemu-img create -q -f qcow2 short.qcow2 1M
qemu-img create -q -f qcow2 long.qcow2 4M
qemu-io -c 'write -q -P 9 0 1M' short.qcow2
qemu-io -c 'write -q -P 9 0 4M' long.qcow2

# shows FILE OFFSET PATTERN LENGTH ...: stretches that follow each other, and then the disk ends.
shows() {
    local file=$1 at=$2 words=()
    shift 2
    while [[ $# -gt 0 ]]; do
        words+=(-c "read -P $1 $at $2")
        at=$((at + $2))
        shift 2
    done
    qemu-io -r "${words[@]}" "$file" > out || fail "$doing: $(cat out)"
    ! grep -q 'verification failed' out || fail "$doing: $(cat out)"
    qemu-img info "$file" | grep -qF "($at bytes)" || fail "$doing: $(qemu-img info "$file")"
    clean "$file"
}

k=1024
for base in short long; do
    for options in compat=v2 compat=v3 compat=v3,cluster_size=4k; do
        for size in 1500 1536; do
            for mode in off metadata falloc full; do
                doing="$base $options $size $mode"
                # what of the disk, from 1472k on, shows the backing file
                seen=0
                [[ $base == short ]] || seen=9
                qemu-img create -q -f qcow2 -o $options -b $base.qcow2 -F qcow2 disk.qcow2 ${size}k
                qemu-io -c 'write -q -P 1 1M 64k' disk.qcow2
                if [[ $base == long && $options == compat=v2 && $mode == off ]]; then
                    refuses 'cannot grow without showing' resize disk.qcow2 3M
                    shows disk.qcow2 $((1024 * k)) 1 $((64 * k)) 9 $(((size - 1088) * k))
                    continue
                fi
                qcow-img resize -q --preallocation=$mode disk.qcow2 3M
                shows disk.qcow2 $((1024 * k)) 1 $((64 * k)) $seen $(((size - 1088) * k)) \
                    0 $(((3072 - size) * k))
                qemu-io -c 'write -q -P 2 1088k 1984k' disk.qcow2
                # ... smaller, and larger again
                qcow-img resize -q --shrink disk.qcow2 1100k
                shows disk.qcow2 $((1024 * k)) 1 $((64 * k)) 2 $((12 * k))
                again=off
                [[ $base == short || $options != compat=v2 ]] || again=metadata
                qcow-img resize -q --preallocation=$again disk.qcow2 5M
                shows disk.qcow2 0 9 $((1024 * k)) 1 $((64 * k)) 2 $((12 * k)) 0 $((4020 * k))
            done
        done
    done
done
