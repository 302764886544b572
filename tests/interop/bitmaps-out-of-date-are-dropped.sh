#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Bitmaps that another program has not kept up to date count for nothing: they are not listed, and gone
# when the image is opened for writing.  Snapshots, data and the rest of the header stay.
set -eu
. "$(dirname "$0")/bitmaps-common.sh"

# Make the image and take the bit away that says that bitmaps are up to date.
make_stale() {
    qemu-img create -q -f qcow2 "$@" image.qcow2 8M
    qemu-io -f qcow2 -c 'write -q -P 1 0 1M' image.qcow2
    qcow-img bitmap --add image.qcow2 a
    qcow-img bitmap --add image.qcow2 b
    qcow-img snapshot -c one image.qcow2
    qcow-img snapshot -c two image.qcow2
    qemu-io -f qcow2 -c 'write -q -P 2 1M 1M' image.qcow2
    printf '\0' | dd of=image.qcow2 bs=1 seek=95 conv=notrunc status=none
}

qemu-img create -q -f qcow2 base.qcow2 8M
for options in cluster_size=64k cluster_size=4k cluster_size=512 \
    backing_file=base.qcow2,backing_fmt=qcow2; do
    make_stale -o "$options"
    qcow-img convert -l one -O raw image.qcow2 one.raw
    sum=$(sha256sum < image.qcow2)
    qcow-img info image.qcow2 | grep -q bitmaps && fail "$options: info lists bitmaps out of date"
    qcow-img convert --bitmaps -O qcow2 image.qcow2 copy.qcow2
    [[ $(sha256sum < image.qcow2) = "$sum" ]] || fail "$options: reading changed the image"

    qcow-io -f qcow2 -c 'write -q -P 3 3M 1M' image.qcow2
    [[ $(qemu-img info image.qcow2 2>&1) != *bitmaps* ]] || fail "$options: they are still there"
    qcow-img bitmap --add image.qcow2 a
    qcow-img check -q -r leaks image.qcow2 >log || fail "$options: more than leaks"
    clean image.qcow2
    [[ $(qemu-img snapshot -l image.qcow2 | grep -cE ' (one|two) ') = 2 ]] || fail "$options: snapshots"
    qcow-img convert -l one -O raw image.qcow2 again.raw
    cmp one.raw again.raw
    qemu-io -f qcow2 -c 'read -P 1 0 1M' -c 'read -P 2 1M 1M' -c 'read -P 3 3M 1M' image.qcow2 |
        grep -q failed && fail "$options: data"
    case $options in backing*)
        qemu-img info image.qcow2 | grep -q 'backing file: base.qcow2' || fail "the backing file" ;;
    esac
done

# A bit without bitmaps: reading only.
qemu-img create -q -f qcow2 image.qcow2 1M
printf '\1' | dd of=image.qcow2 bs=1 seek=95 conv=notrunc status=none
qcow-io -r -f qcow2 -c 'read -q 0 1M' image.qcow2
qcow-io -f qcow2 -c 'write -q 0 1' image.qcow2 2> log && fail "it was written"
grep -q 'claims to have bitmaps' log || fail "the reason is not said"
