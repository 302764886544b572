#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# seeds.sh - make the images among the seeds: small ones, each with something of its own
#
#   ./run tests/fuzz/seeds.sh     writes tests/fuzz/seeds/*
#
# qemu-img makes them, so that what both programs agree on is the start of every search.
set -eu

seeds=$abs_top_srcdir/tests/fuzz/seeds
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# image NAME OPTIONS SIZE QEMU-IO-COMMAND...
image() {
    local name=$1 options=$2 size=$3
    local commands=()
    shift 3
    qemu-img create -q -f qcow2 -o "$options" "$name" "$size"
    for command; do
        commands+=(-c "$command")
    done
    if [[ ${#commands[@]} -gt 0 ]]; then
        qemu-io -f qcow2 "${commands[@]}" "$name" > /dev/null
    fi
}

small=cluster_size=512
image empty $small 0
image plain $small 64k 'write -q -P 1 0 1k' 'write -q -P 2 32k 700'
image zeroes $small 64k 'write -q -P 1 0 2k' 'write -q -z 512 512' 'write -q -z -u 1k 512' 'write -q -z 8k 1k'
image version2 $small,compat=0.10 64k 'write -q -P 1 0 1k' 'discard -q 0 512'
image lazy $small,lazy_refcounts=on 64k 'write -q -P 1 0 1k'
image bits1 $small,refcount_bits=1 64k 'write -q -P 1 0 1k'
image bits64 $small,refcount_bits=64 64k 'write -q -P 1 0 1k'
image deflate cluster_size=4k 64k 'write -q -c -P 1 0 4k' 'write -q -c -P 2 4k 4k' 'write -q -P 3 8k 4k'
image zstd cluster_size=4k,compression_type=zstd 64k 'write -q -c -P 1 0 4k' 'write -q -c -P 2 4k 4k'
image subclusters cluster_size=16k,extended_l2=on 64k 'write -q -P 1 0 1k' 'write -q -z 4k 1k'
image snapshots $small 64k 'write -q -P 1 0 1k'
qemu-img snapshot -c one snapshots
qemu-io -f qcow2 -c 'write -q -P 2 512 1k' snapshots
qemu-img snapshot -c two snapshots
qemu-io -f qcow2 -c 'write -q -P 3 0 512' snapshots
image bitmaps $small 64k 'write -q -P 1 0 1k'
qemu-img bitmap --add -g 512 bitmaps b1
qemu-io -f qcow2 -c 'write -q -P 2 4k 1k' bitmaps
qemu-img create -q -f raw base 64k
image overlay "$small,backing_file=base,backing_fmt=raw" 64k 'write -q -P 1 0 700' 'discard -q 8k 1k'
image data-file "$small,data_file=$PWD/data" 64k 'write -q -P 1 0 1k'
qemu-img amend -f qcow2 -o data_file=data data-file
rm base data

mkdir -p "$seeds"/{fuzz-open,fuzz-write,fuzz-header}
operations='\x08\x01\x00\x04\x05\x02\x00\x10\x08\x06\x00\x00\x00\x01\x00\x00\x06\x04\x00\x08\x20\x07\x00\x00\x00\x09\x00\x90\x10\x05\x00\x00\x00'
for name in *; do
    cp "$name" "$seeds/fuzz-open/$name"
    { printf "$operations"; cat "$name"; } > "$seeds/fuzz-write/$name"
    head -c 512 "$name" > "$seeds/fuzz-header/$name"
done

# Two bytes, then a stream (fuzz-codec.c); two bytes of count, one of cluster size, then a table.
mkdir -p "$seeds"/{fuzz-codec,fuzz-snapshots,fuzz-create}
head -c 4096 /dev/zero > "$work/zeroes.bin"
seq 1000 | head -c 2048 > "$work/text.bin"
for name in zeroes text; do
    { printf '\x00\x03'; gzip -9n < "$work/$name.bin" | tail -c +11 | head -c -8; } > "$seeds/fuzz-codec/deflate-$name"
    { printf '\x01\x03'; zstd -q < "$work/$name.bin"; } > "$seeds/fuzz-codec/zstd-$name"
done
table=$(od -An -tu8 --endian=big -j 64 -N 8 snapshots)
{ printf '\x00\x02\x00'; tail -c +$((table + 1)) snapshots | head -c 256; } > "$seeds/fuzz-snapshots/two"

create() {
    printf '%s\n' "${@:2}" > "$seeds/fuzz-create/$1"
}
create plain size=1048576
create small size=1048576 cluster_size=512 refcount_bits=64
create mapped size=4194304 preallocation=metadata lazy_refcounts=on
create version2 size=65536 compat=0.10
create subclusters size=4194304 extended_l2=on cluster_size=16384
create overlay size=1048576 backing_file=base backing_fmt=raw compression_type=zstd
