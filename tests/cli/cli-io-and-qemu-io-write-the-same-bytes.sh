#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The same commands leave the same file, byte by byte.  (Freed clusters are used again after a flush
# only, so there is one behind the discard.)
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

commands=(
    -c 'write -P 1 0 64k' -c 'write -P 2 1M 3k' -c 'write -P 3 100 1' -c 'write -z 2M 128k'
    -c 'write -P 4 3000k 200k' -c 'discard 1M 64k' -c flush -c 'write -P 5 1028k 512'
)
for options in cluster_size=64k cluster_size=4k,refcount_bits=1 \
    cluster_size=2M,refcount_bits=64; do
    rm -f theirs/io.qcow2 ours/io.qcow2
    (cd theirs && qemu-img create -q -f qcow2 -o "$options" io.qcow2 8M)
    (cd ours && qcow-img create -q -f qcow2 -o "$options" io.qcow2 8M)
    same_io "${commands[@]}" io.qcow2
    same check io.qcow2
    # Where a new cluster was written in part, the rest may be a hole of the file or not, which map
    # would tell.
    both cp --sparse=never io.qcow2 solid.qcow2
    same map --output=json solid.qcow2
    # As raw files: one may end earlier where the other goes on with zeroes.
    qemu-img compare -q -f raw -F raw theirs/io.qcow2 ours/io.qcow2 ||
        differences=$((differences + 1))
    qemu-img check -q ours/io.qcow2
    qemu-img compare -q theirs/io.qcow2 ours/io.qcow2
done
finish
