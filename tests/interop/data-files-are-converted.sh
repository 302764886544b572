#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Converting to and from images with external data files gives what qemu-img gives: the same disk, the
# same image byte for byte, the same raw data file; and comparing and measuring see the disk.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk 10M
mkdir ours theirs
for options in data_file=d.raw data_file=d.raw,data_file_raw=on cluster_size=4k,data_file=d.raw \
    extended_l2=on,data_file=d.raw data_file=d.raw,preallocation=falloc \
    cluster_size=2M,data_file=d.raw,data_file_raw=on; do
    rm -f ours/* theirs/*
    (cd ours && qcow-img convert -f raw -O qcow2 -o "$options" ../disk disk.qcow2) || fail "$options"
    (cd theirs && qemu-img convert -f raw -O qcow2 -o "$options" ../disk disk.qcow2)
    for side in ours theirs; do
        cd $side
        clean disk.qcow2
        qcow-img check -q disk.qcow2 || fail "$options: check of $side"
        same_disk ../disk raw disk.qcow2 qcow2
        qcow-img compare -q -f raw -F qcow2 ../disk disk.qcow2 || fail "$options: compare of $side"
        qcow-img convert -f qcow2 -O raw disk.qcow2 back
        same back ../disk
        cd ..
    done
    [[ $options != *raw=on* ]] || same ours/d.raw disk
    [[ $options == *extended* ]] || same_layout ours/disk.qcow2 theirs/disk.qcow2
    (cd ours && qemu-img map --output=json disk.qcow2) > ours.map
    (cd theirs && qemu-img map --output=json disk.qcow2) > theirs.map
    [[ $options == *extended* ]] || diff theirs.map ours.map || fail "$options: other maps"
done

# Onto an image that exists, and from one whose data file the user names.
qemu-img create -q -f qcow2 -o data_file=n.raw,data_file_raw=on n.qcow2 10M
qcow-img convert -n -f raw -O qcow2 disk n.qcow2
same n.raw disk
clean n.qcow2
mv n.raw moved.raw
qcow-img convert --image-opts -O raw driver=qcow2,file.filename=n.qcow2,data-file.filename=moved.raw out
same out disk

# The user names the data file of the new image: that is not to follow a name in an image.
qcow-img convert --untrusted -f raw -O qcow2 -o data_file=u.raw disk u.qcow2
same_disk disk raw u.qcow2 qcow2
qcow-img convert -f raw -O qcow2 -o data_file=sub/u.raw disk u.qcow2 2> err && fail "into no folder"
mkdir sub
qcow-img convert -f raw -O qcow2 -o data_file=u2.raw disk sub/u2.qcow2
same_disk disk raw sub/u2.qcow2 qcow2

# What cannot be stored there.
seq 100000 > text
truncate -s 1M text
refuses 'Compression is not possible' convert -f raw -c -O qcow2 -o data_file=c.raw text c.qcow2
run qemu-img convert -f raw -c -O qcow2 -o data_file=c.raw text c.qcow2
grep -q 'error while writing at byte 0' err
