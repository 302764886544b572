#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Bitmaps are changed, listed, measured and copied in the words of qemu-img, and with its results.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 a.qcow2 10M
both qemu-img create -f qcow2 other.qcow2 10M
both qemu-img create -f qcow2 large.qcow2 20M
both qemu-img create -f qcow2 -o cluster_size=512 small.qcow2 1M
both qemu-img create -f qcow2 -o compat=0.10 old.qcow2 10M
both qemu-img bitmap --add -g 4k other.qcow2 theirs
both qemu-io -c 'write 1M 5000' other.qcow2
both qemu-img bitmap --add large.qcow2 theirs

long=$(printf 'x%.0s' {1..1023})
same bitmap --add a.qcow2 b0
same bitmap --add --granularity 512 --disable a.qcow2 'with spaces'
same bitmap --add -g 2G a.qcow2 "$long"
same bitmap --add -g 0 small.qcow2 b0
same bitmap -f qcow2 --add a.qcow2 b1
same bitmap --image-opts --add driver=qcow2,file.filename=a.qcow2 b2
same bitmap --object secret,id=s,data=x --add a.qcow2 b3
same bitmap --add --remove --add a.qcow2 b4
same info a.qcow2
same info --output=json a.qcow2
same info small.qcow2
same_io -c 'write 3M 100k' a.qcow2
same bitmap --merge b0 a.qcow2 'with spaces'
same bitmap --merge theirs -b other.qcow2 a.qcow2 b0
same bitmap --merge theirs --source-file other.qcow2 --source-format qcow2 a.qcow2 b3
same bitmap --disable --disable --enable a.qcow2 b1
same bitmap --clear --merge b3 --merge b0 a.qcow2 b2
same bitmap --remove a.qcow2 "$long"
same info a.qcow2
same check a.qcow2
same measure -O qcow2 a.qcow2
same measure -O qcow2 --output=json a.qcow2
same measure -O qcow2 -o cluster_size=4k a.qcow2
same measure -O qcow2 -o compat=0.10 a.qcow2
same measure -O raw a.qcow2
same measure -O qcow2 old.qcow2
same convert --bitmaps -O qcow2 a.qcow2 copy.qcow2
same info copy.qcow2
same convert --bitmaps -n -O qcow2 other.qcow2 copy.qcow2
same convert --bitmaps -n -O qcow2 other.qcow2 copy.qcow2
same convert --bitmaps -O qcow2 old.qcow2 no.qcow2
same convert --bitmaps -O qcow2 -o compat=0.10 a.qcow2 no.qcow2
same convert --skip-broken-bitmaps -O qcow2 a.qcow2 no.qcow2

same bitmap
same bitmap a.qcow2 b0
same bitmap --add
same bitmap --add a.qcow2
same bitmap --add a.qcow2 b0 more
same bitmap --merge
same bitmap --nonsense a.qcow2 b0
same bitmap --add -U a.qcow2 b9
same bitmap -f qcow2 --image-opts --add a.qcow2 b9
same bitmap -g 512 --clear a.qcow2 b0
same bitmap -F qcow2 -g 512 --clear
same bitmap -F qcow2 --merge b0 a.qcow2 b1
same bitmap -b other.qcow2 --clear a.qcow2 b0
same bitmap --add a.qcow2 b0
same bitmap --add a.qcow2 ''
same bitmap --add -g 500 a.qcow2 b9
same bitmap --add -g 256 a.qcow2 b9
same bitmap --add -g 4G a.qcow2 b9
same bitmap --add -g nonsense a.qcow2 b9
for action in remove clear enable disable; do
    same bitmap --$action a.qcow2 gone
done
same bitmap --merge gone a.qcow2 b0
same bitmap --merge b0 a.qcow2 gone
same bitmap --merge gone -b other.qcow2 a.qcow2 b0
same bitmap --merge theirs -b large.qcow2 a.qcow2 b0
same bitmap --merge theirs -b nothere a.qcow2 b0
same bitmap --add nothere b0
same bitmap --add -f nonsense a.qcow2 b0

# What was found in use by a program that is gone is of no use, and can be removed only.  (The byte of
# the flag is the first of a directory entry that is not 0 but for the two sizes.)
for folder in theirs ours; do
    qemu-img create -q -f qcow2 "$folder/broken.qcow2" 1M
    qemu-img bitmap --add "$folder/broken.qcow2" good
    qemu-img bitmap --add "$folder/broken.qcow2" bad
    offset=$((16#$(od -An -tx1 -j 528 -N 8 "$folder/broken.qcow2" | tr -d ' ')))
    printf '\3' | dd of="$folder/broken.qcow2" bs=1 seek=$((offset + 32 + 15)) conv=notrunc status=none
done
same info broken.qcow2
same check broken.qcow2
same measure -O qcow2 broken.qcow2
same convert --bitmaps --skip-broken-bitmaps -O qcow2 broken.qcow2 copy2.qcow2
same info copy2.qcow2
same bitmap --add broken.qcow2 bad
same bitmap --remove broken.qcow2 bad
same info broken.qcow2

for image in a copy copy2 broken small; do
    qemu-img check -q "ours/$image.qcow2"
    qcow-img check -q "ours/$image.qcow2"
done
finish
