#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Converting into extended L2 entries, out of them and from one cluster size to another gives the
# bytes that qemu-img gives, and takes no more than measure says.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 9437696

# twins WORD...: convert with both, the target last.
twins() {
    qemu-img convert "$@" qemu.qcow2
    qcow-img convert "$@" qcow.qcow2
    clean qcow.qcow2
    same_layout qemu.qcow2 qcow.qcow2
}

for cluster in 16k 64k 256k 2M; do
    options=extended_l2=on,cluster_size=$cluster
    for sparse in "" "-S 512" "-S 0" "-S 64k"; do
        twins $sparse -f raw -O qcow2 -o $options disk.raw
    done
    twins -f raw -O qcow2 -o $options,preallocation=metadata disk.raw
    qemu-img convert -f raw -O qcow2 -o $options disk.raw source.qcow2
    qcow-img convert -f qcow2 -O raw source.qcow2 back.raw
    same disk.raw back.raw
    twins -f qcow2 -O qcow2 source.qcow2
    twins -f qcow2 -O qcow2 -o extended_l2=on,cluster_size=32k source.qcow2
    qcow-img convert -c -f qcow2 -O qcow2 -o $options source.qcow2 small.qcow2
    clean small.qcow2
    same_disk disk.raw raw small.qcow2 qcow2

    says_what_qemu_says measure -f raw -O qcow2 -o $options disk.raw
    says_what_qemu_says measure -f qcow2 -O qcow2 -o $options source.qcow2
    says_what_qemu_says measure -O qcow2 -o $options,preallocation=full --size 3000G
    required=$(sed -n 's/required size: //p' out)
    [ -n "$required" ] || fail "no size in $(cat out)"

    # above a base
    qemu-img create -q -f qcow2 -o $options -b disk.raw -F raw top.qcow2
    qcow-io -f qcow2 -c 'write -P 1 100k 1k' -c 'write -z 2M 30k' -c 'write -P 2 4M 300k' \
        top.qcow2 > log
    twins -f qcow2 -O qcow2 -o $options -B disk.raw -F raw top.qcow2
    same_disk top.qcow2 qcow2 qcow.qcow2 qcow2
done
says_what_qemu_says measure -O qcow2 -o extended_l2=on,cluster_size=4k --size 1G
