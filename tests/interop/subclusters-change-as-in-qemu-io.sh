#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Writes, zeroes and discards of subclusters, their parts and their neighbours: the bitmaps, the
# places and the bytes are those that qemu-io makes of the same commands.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# twins OPTIONS COMMAND...: with an L2 entry of 16 bytes and $sub for the size of a subcluster.
twins() {
    local options=$1 tool image args=()
    shift
    for command; do args+=(-c "$command"); done
    for tool in qemu qcow; do
        image=$tool.qcow2
        $tool-img create -q -f qcow2 -o "extended_l2=on,$options" $image 3500k
        $tool-io -d unmap -f qcow2 "${args[@]}" $image > $tool.log ||
            fail "$tool-io with $options: $(tail -n 1 $tool.log)"
        cp --sparse=never $image whole # holes are the host's matter
        qemu-img map -f qcow2 --output=json whole > $tool.map
        clean $image
    done
    cmp qemu.map qcow.map || fail "another map with $options: $*"
    same_disk qemu.qcow2 qcow2 qcow.qcow2 qcow2
    qcow-img compare -q qemu.qcow2 qcow.qcow2 || fail "we find another disk with $options: $*"
    says_what_qemu_says map -f qcow2 --output=json qemu.qcow2
}

make_text base.raw 2900480
qemu-img convert -f raw -O qcow2 -o extended_l2=on,cluster_size=32k base.raw base.qcow2

for backing in "" ,backing_file=base.raw,backing_fmt=raw \
    ,backing_file=base.qcow2,backing_fmt=qcow2; do
    for cluster in 16 32 64 128 512 2048; do
        sub=$((cluster * 1024 / 32))
        c() { echo $(($1 * cluster * 1024 + ${2-0} * sub + ${3-0})); }
        options=cluster_size=${cluster}k$backing

        # a sector in the middle, its neighbours, the rest; the disk's end
        twins $options "write -P 1 $(c 0 3 512) 512" "write -P 2 $(c 0 4) $sub" \
            "write -P 3 $(c 0 2) 512" "write -P 4 0 $(c 1)" "write -P 5 3583488 512"
        same_layout qemu.qcow2 qcow.qcow2
        # zeroes: a subcluster, a part of one, many, a whole cluster, to the disk's end
        twins $options "write -P 1 0 $(c 1)" "write -z $(c 0 5) $sub" "write -z $(c 0 7 512) 512" \
            "write -z $(c 0 20) $(c 0 13)" "write -P 2 $(c 0 21 512) 512" \
            "write -z $(c 0 31) $(c 0 1)" "write -z 3M 428k"
        same_layout qemu.qcow2 qcow.qcow2
        # the space goes when a whole cluster does
        twins $options "write -P 1 0 1M" "write -z -u $(c 0 3) $(c 0 4)" "flush" "write -z -u 0 1M" \
            "flush" "write -P 2 $(c 0 9) 512"
        same_layout qemu.qcow2 qcow.qcow2
        # parts of clusters are not discarded, the last cluster is
        twins $options "write -P 1 0 1M" "discard $(c 0 3) $(c 0 10)" "discard 0 512k" \
            "write -P 3 3M 428k" "discard 3M 428k" "flush" "write -P 4 $(c 0 1) 512"
        same_layout qemu.qcow2 qcow.qcow2
    done
    # a compressed cluster loses a part, and becomes a plain one
    twins cluster_size=64k,compression_type=zstd$backing "write -c -P 1 0 64k" \
        "write -c -P 2 128k 64k" "write -z 4k 4k" "write -P 3 150k 1k"
    twins cluster_size=64k$backing "write -c -P 1 0 64k" "write -z 0 64k" "write -P 3 30k 1k"
done
