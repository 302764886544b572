#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What convert -c makes is byte for byte what QEMU makes when it writes one compressed cluster after
# the other.  (Its own convert -c compresses several at once and stores them as they are done.)
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# compress_with_qemu FILE CLUSTER_SIZE IMAGE: what is zero is left out.
compress_with_qemu() {
    local size at length
    size=$(stat -c %s "$1")
    split -b "$2" -a 5 -d "$1" part.
    at=0
    for part in part.*; do
        length=$(stat -c %s "$part")
        if ! cmp -s -n "$length" "$part" /dev/zero; then
            echo "write -q -c -s $part $at $length"
        fi
        at=$((at + length))
    done > commands
    [[ $at -eq $size ]] || fail "$1 was cut into pieces of $at bytes"
    qemu-io -f qcow2 "$3" < commands > log
    rm part.*
}

make_text disk.raw 5243392
for options in cluster_size={4k,64k,2M},compression_type={zlib,zstd} \
    cluster_size=64k,refcount_bits=1 cluster_size=16k,compat=0.10; do
    rm -f ours.qcow2 qemu.qcow2 convert.qcow2
    cluster_size=${options%%,*}
    cluster_size=$(tr k K <<< "${cluster_size#*=}" | numfmt --from=iec)
    qcow-img convert -c -f raw -O qcow2 -o "$options" disk.raw ours.qcow2
    clean ours.qcow2
    same_disk disk.raw raw ours.qcow2 qcow2
    qemu-img check -f qcow2 ours.qcow2 | grep -q ' 0.00% compressed' && fail "$options: plain"

    qemu-img convert -c -f raw -O qcow2 -o "$options" disk.raw convert.qcow2
    (($(stat -c %s ours.qcow2) <= $(stat -c %s convert.qcow2))) ||
        fail "$options: larger than what qemu-img convert makes"

    qemu-img create -q -f qcow2 -o "$options" qemu.qcow2 5243392
    compress_with_qemu disk.raw "$cluster_size" qemu.qcow2
    same_layout ours.qcow2 qemu.qcow2
done
