#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images with an external data file: both programs say the same, make the same image byte for byte,
# and put the same bytes into the data file.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

# same_files NAME: image and data file; QEMU makes the latter longer, up to the end of a cluster.
same_files() {
    local length
    if ! cmp "theirs/$1.qcow2" "ours/$1.qcow2"; then
        echo "DIFFERENT: $1.qcow2"
        differences=$((differences + 1))
    fi
    length=$(stat -c %s "ours/$1.raw")
    if ! cmp -n "$length" "theirs/$1.raw" "ours/$1.raw"; then
        echo "DIFFERENT: $1.raw"
        differences=$((differences + 1))
    fi
}

look() {
    same info "$1.qcow2"
    same info --output=json "$1.qcow2"
    same check "$1.qcow2"
    same map --output=json "$1.qcow2"
    same map "$1.qcow2"
    same_files "$1"
}

change() {
    same_io -d unmap -c 'write -P 1 64k 128k' -c 'write -P 2 0 4k' -c 'write -P 3 1000k 23k' "$1.qcow2"
    look "$1"
    same_io -d unmap -c 'write -z 64k 64k' -c 'discard 128k 64k' -c 'write -z -u 0 64k' "$1.qcow2"
    look "$1"
    same_io -d unmap -c 'write -z 512 512' -c 'write -z 1000k 1k' -c 'write -P 4 70k 1k' "$1.qcow2"
    look "$1"
    same_io -d unmap -c 'read -P 0 0 70k' -c 'read -P 4 70k 1k' -c 'read -P 0 71k 929k' "$1.qcow2"
}

n=0
for options in data_file=NAME.raw data_file=NAME.raw,data_file_raw=on \
    data_file=NAME.raw,preallocation=metadata data_file=NAME.raw,preallocation=falloc \
    data_file=NAME.raw,data_file_raw=on,preallocation=full \
    cluster_size=4k,data_file=NAME.raw,data_file_raw=on cluster_size=2M,data_file=NAME.raw; do
    name=image$((++n))
    same create -f qcow2 -o "${options//NAME/$name}" "$name.qcow2" 1M
    look "$name"
    same_space "$name.raw" 4096
    change "$name"
    same resize "$name.qcow2" +1M
    look "$name"
    same resize --preallocation=metadata "$name.qcow2" 3M
    look "$name"
    same resize --shrink "$name.qcow2" 2560k
    look "$name"
    same snapshot -l "$name.qcow2"
    same snapshot -c x "$name.qcow2"
    same snapshot -a x "$name.qcow2"
    same snapshot -d x "$name.qcow2"
    same_io -d unmap -c 'write -P 9 0 704k' "$name.qcow2"
    look "$name"
done

# Above a backing file.
both qemu-img create -q -f qcow2 base.qcow2 1M
both qemu-io -c 'write -P 7 0 1M' base.qcow2
same create -f qcow2 -b base.qcow2 -F qcow2 -o data_file=over.raw over.qcow2
same_io -d unmap -c 'write -P 1 65000 1000' -c 'discard 128k 64k' -c 'write -z 256k 64k' over.qcow2
look over
same_io -d unmap -c 'read -P 7 0 65000' -c 'read -P 1 65000 1000' -c 'read -P 7 66000 4k' over.qcow2

# The end of the disk inside a cluster.
same create -f qcow2 -o data_file=odd.raw,data_file_raw=on odd.qcow2 1000448
same_io -d unmap -c 'write -P 1 999936 512' -c 'discard 983040 17408' -c 'write -P 2 983040 512' odd.qcow2
look odd
[ "$(stat -c %s ours/odd.raw)" -eq 1000448 ]

# What is not possible.
same create -f qcow2 -o data_file_raw=on bad.qcow2 1M
same create -f qcow2 -o data_file=bad.raw,compat=v2 bad.qcow2 1M
same create -f qcow2 -o data_file=bad.raw,compat=0.10 bad.qcow2 1M
same create -f qcow2 -b base.qcow2 -F qcow2 -o data_file=bad.raw,data_file_raw=on bad.qcow2
same create -f qcow2 -b base.qcow2 -F qcow2 -o data_file=bad.raw,preallocation=full bad.qcow2
same create -f raw -o data_file=bad.raw bad.qcow2 1M

# Measuring counts the clusters wherever they are.
same measure -O qcow2 -o data_file=x,data_file_raw=on --size 1G
same measure -O qcow2 image1.qcow2
finish
