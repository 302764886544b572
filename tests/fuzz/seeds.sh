#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# seeds.sh - make the images among the seeds: small ones, each with something of its own
#
#   ./run tests/fuzz/seeds.sh     writes tests/fuzz/seeds/*
#
# qemu-img makes them, so that what both programs agree on is the start of every search.
set -eu

seeds=$abs_top_srcdir/tests/fuzz/seeds
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

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

mkdir -p "$seeds"/{fuzz-open,fuzz-write,fuzz-header,fuzz-check}
operations='\x08\x01\x00\x04\x05\x02\x00\x10\x08\x06\x00\x00\x00\x01\x00\x00\x06\x04\x00\x08\x20\x07\x00\x00\x00\x09\x00\x90\x10\x05\x00\x00\x00'
for name in *; do
    cp "$name" "$seeds/fuzz-open/$name"
    { printf "$operations"; cat "$name"; } > "$seeds/fuzz-write/$name"
    head -c 512 "$name" > "$seeds/fuzz-header/$name"
    { printf '\x01'; cat "$name"; } > "$seeds/fuzz-check/$name"
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

# Version 1; a list of patches, of nothing here (fuzz-luks.c); what speaks of bitmaps in "bitmaps".
mkdir -p "$seeds"/{fuzz-qcow1,fuzz-luks,fuzz-bitmaps}
qemu-img create -q -f qcow "$work/old" 64k
qemu-io -f qcow -c 'write -q -P 1 0 8k' "$work/old"
cp "$work/old" "$seeds/fuzz-qcow1/plain"
qemu-img convert -c -O qcow "$work/old" "$seeds/fuzz-qcow1/compressed" || true # what it has made is whole
printf '\x00' > "$seeds/fuzz-luks/volume"
printf '\x01' > "$seeds/fuzz-luks/image"
printf '\x00\x00\xa4\x04\xff\xff\xff\xff\x00\xd4\x04\xff\xff\xff\xff' > "$seeds/fuzz-luks/work"
printf '\x00\x00\x28\x14ecb\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00' > "$seeds/fuzz-luks/mode"
directory=$(od -An -tu8 --endian=big -j 136 -N 8 bitmaps)
{ printf '\x00\x01\x00'; tail -c +$((directory + 1)) bitmaps | head -c 32; } > "$seeds/fuzz-bitmaps/one"

# More operations than the first images were given: streams, amend, bitmaps.
operations='\x0c\x0a\x00\x10\x00\x0c\x00\x04\x01\x01\x00\x14\x08\x0d\x00\x02\x00\x0b\x00\x03\x04\x0a\x00\x00\x00\x06\x00\x00\x00\x0b\x00\x0f\x02\x0c\x00\x05\x01\x0e\x00\x00\x02\x0d\x00\x04\x10\x0d\x00\x00\x00'
for name in plain deflate zstd subclusters snapshots bitmaps version2; do
    { printf "$operations"; cat "$name"; } > "$seeds/fuzz-write/$name-more"
done

# Who reads it, which of several, text (fuzz-words.c).
mkdir -p "$seeds/fuzz-words"
words() {
    { printf "$2"; printf '%s\n' "${@:3}"; } > "$seeds/fuzz-words/$1"
}
words size '\x00\x00' 1.5G
words hexadecimal '\x00\x00' 0x200k
words switch '\x01\x03' on
words list '\x02\x01' 'cluster_size=64k,compat=1.1,nolazy_refcounts,backing_file=a,,b'
words nbd '\x03\x00' 'nbd:localhost:10809:exportname=x'
words uri '\x03\x00' 'nbd+unix:///x?socket=/tmp/s'
words file '\x03\x01' 'file:a'
words keys '\x04\x00' 'driver=qcow2,file.driver=file,file.filename=a,backing.driver=raw,backing.file.filename=b,overlap-check.template=all,cache-size=1M'
words server '\x04\x00' 'driver=qcow2,file.driver=nbd,file.server.type=inet,file.server.host=h,file.server.port=1'
words json '\x04\x01' '{"driver": "qcow2", "file": {"driver": "file", "filename": "a"}, "lazy-refcounts": true, "backing": null}'
words creation '\x05\x00' 'cluster_size=2M,extended_l2=on,refcount_bits=1,compression_type=zstd,preallocation=falloc'
words encrypted '\x05\x00' 'encrypt.format=luks,encrypt.key-secret=s,encrypt.cipher-alg=aes-256,encrypt.iter-time=10'
words secret '\x06\x00' 'secret,id=s,data=YWJj,format=base64'
words object '\x06\x00' '{"qom-type": "secret", "id": "t", "data": "x"}'
words convert '\x07\x02' -O qcow2 -o compat=1.1 -S 4k -m 4 -W --target-is-zero -n a b
words bench '\x07\x0d' -c 10 -d 4 -s 64k --pattern 5 -w a
words bitmap '\x07\x0a' --add -g 64k --merge x -b a -F qcow2 a name

# How the image is, commands (fuzz-io.c).
mkdir -p "$seeds"/fuzz-io
commands() { # NAME HOW COMMAND...
    { printf "$2"; printf '%s\n' "${@:3}"; } > "$seeds/fuzz-io/$1"
}
commands read-and-write '\x00' 'write -P 1 0 4k' 'read -P 1 -s 512 -l 1k 0 4k' 'write -z -u 8k 4k' 'map' 'length' 'alloc 0 64k' 'aio_write 0 512 512' 'reopen -r' 'info'
commands more '\x01' 'write -c 0 512' 'discard 0 1k' 'truncate 128k' 'flush' 'read -v 0 16' 'help read' 'close' 'quit'

commands subclusters '\x23' 'write -P 3 1k 3k' 'aio_write -q -P 7 4k 1k 2k' 'aio_read -v 0 16' 'aio_flush' 'truncate -m metadata 100k' 'alloc 1k 1'
commands reopen '\x11' 'reopen -c writeback -o lazy-refcounts=on,cache-size=64k' 'write 0 64k' 'reopen -r' 'read -v 0 512'
commands read-only '\x04' 'write 0 512' 'readv -P 0 0 512 512' 'read -C 0 64k' 'reopen -w' 'writev -P 9 100 1 2 3'

# A volume, changes of its key slots, patches (fuzz-key-slots.c).
mkdir -p "$seeds"/fuzz-key-slots
slots() { # NAME TEXT
    printf "$2" > "$seeds/fuzz-key-slots/$1"
}
slots add '\x00\x02\x11\x00\x04\x01\x19\x05\x04\x02'
slots replace '\x01\x03\x11\x00\x04\x01\x0a\x00\x04\x04\x19\x00\x04\x03'
slots erase '\x00\x03\x11\x00\x04\x01\x02\x00\x00\x04\x0e\x01\x04\x04'
slots force '\x01\x02\x1d\x00\x04\x02\x06\x00\x02\x04'
slots refused '\x00\x04\x0a\x00\x04\x04\x09\x09\x04\x01\x11\x00\x04\x04\x0a\x03\x01\x02'
slots all '\x00\x06\x11\x00\x04\x01\x11\x00\x04\x01\x11\x00\x04\x02\x11\x00\x04\x03\x1d\x00\x04\x03\x02\x00\x01\x04'
slots damaged '\x00\x02\x11\x00\x04\x01\x0a\x00\x04\x04\x01\x20\x04\x00\x00\x00\x10'

# What a server says of its export, operations, moods (fuzz-nbd.c).  Flags: all it can do, or as little.
mkdir -p "$seeds"/fuzz-nbd
all='\x09\x6d' least='\x00\x01'
nothing='\x00\x00\x00\x00\x00\x00\x00\x00' mib='\x00\x00\x00\x00\x00\x10\x00\x00'
any='\x00\x00\x00\x01\x00\x00\x10\x00\x02\x00\x00\x00' blocks='\x00\x00\x02\x00\x00\x00\x10\x00\x00\x00\x40\x00'
operations='\x08\x01\x00\x00\x10\x00\x10\x00\x00\x00\x00\x10\x80\x05\x00\x06\x00\x00\x00\x00\xff\xff\x02\x00\x00\x12\x00\x08\x00\x04\x00\x00\x10\x00\x10\x00\x05\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\xff\xff\x07\x00\x00\x01\x00\x00\x00'
image='\x06\x01\x00\x00\x10\x00\x10\x00\x02\x00\x00\x12\x00\x08\x00\x03\x00\x00\x10\x00\x08\x00\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00'
nbd() { # NAME KIND FLAWS FLAGS SIZE BLOCKS OPERATIONS MOODS
    local text
    text=$(printf '%s' "${@:2}")
    printf "$text" > "$seeds/fuzz-nbd/$1"
}
nbd honest '\x00' '\x00' "$all" "$mib" "$any" "$operations" ''
nbd blocks '\x00' '\x00' "$all" "$mib" "$blocks" "$operations" '\x00\x02\x10\x00\x02\x01'
nbd least '\x00' '\x07' "$least" "$mib" "$any" "$operations" ''
nbd fails '\x00' '\x00' "$all" "$mib" "$any" "$operations" '\x00\x02\x05\x01\x05\x03\x1c\x01\x5f\x01\x05\x01\x05'
nbd extents '\x00' '\x00' "$all" "$mib" "$any" "$operations" '\x00\x00\x05\x03\x00\x00\x00\x01\x03\x00\x00\xff\xff\x00\x00\x00\x00\x00\x03'
nbd lies '\x00' '\x00' "$all" "$mib" "$any" "$operations" '\x00\x04\x06\xf0\x07\x01\x08\x01\x0a'
nbd raw '\x00' '\x10' "$all" "$mib" "$any" "$operations" '\x00\x00\x09\x05hello'
nbd nothing '\x00' '\x08' "$all" "$mib" "$any" "$operations" ''
nbd huge '\x00' '\x00' "$all" '\x7f\xff\xff\xff\xff\xff\xff\xff' "$any" "$operations" ''
nbd image '\x01' '\x00' "$all" "$nothing" "$any" "$image" ''
nbd image-blocks '\x01' '\x00' "$all" "$nothing" "$blocks" "$image" ''
nbd image-gone '\x01' '\x00' "$all" "$nothing" "$any" "$image" '\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x05\x00\x00\x0a'
nbd image-read '\x02' '\x00' "$all" "$nothing" "$any" "$image" '\x00\x00\x02\x20\x00\x05\x02\x00\x00\x00\x00\x00\x00\x00\x10\x00\x03'
