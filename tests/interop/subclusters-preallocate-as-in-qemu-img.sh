#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Preallocated clusters leave their subclusters to the backing file, which is allowed with extended
# L2 entries only; growing preallocates likewise.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_text base.raw 1500160

# maps MODE WORD...: what all three say of the two images is the same.
maps() {
    for image in qemu.qcow2 qcow.qcow2; do
        clean $image
        cp --sparse=never $image whole # holes are the host's matter
        qemu-img map -f qcow2 --output=json whole > $image.map
        says_what_qemu_says map -f qcow2 --output=json $image
        says_what_qemu_says check -f qcow2 $image
    done
    # but for growing with falloc and full, where QEMU sets the metadata elsewhere
    [[ $* == f*larger* ]] || cmp qemu.qcow2.map qcow.qcow2.map || fail "another map: $*"
    same_disk qemu.qcow2 qcow2 qcow.qcow2 qcow2
}

for backing in "" ,backing_file=base.raw,backing_fmt=raw; do
    for cluster in 16k 64k 2M; do
        for mode in metadata falloc full; do
            options=extended_l2=on,cluster_size=$cluster,preallocation=$mode$backing
            for tool in qemu qcow; do
                $tool-img create -q -f qcow2 -o "$options" $tool.qcow2 3000k
            done
            maps $mode "new images with $options"
            [ $mode != metadata ] || same_layout qemu.qcow2 qcow.qcow2
            for tool in qemu qcow; do
                qcow-io -f qcow2 -c 'write -P 1 100k 1k' -c 'write -z 200k 100k' \
                    -c 'write -P 2 1M 300k' $tool.qcow2 > log
                $tool-img resize -q -f qcow2 --preallocation=$mode $tool.qcow2 5000k
            done
            maps $mode "larger images with $options"
        done
    done
done

for tool in qemu-img qcow-img; do
    $tool create -q -f qcow2 -o preallocation=metadata,backing_file=base.raw,backing_fmt=raw \
        new.qcow2 3M 2> err && fail "$tool hides the backing file"
    grep -q 'only be used at the same time if extended_l2 is on' err || fail "$(cat err)"
done
exit 0
