#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What contradicts itself is refused in QEMU's words, before anything is written.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 1M
qemu-img create -q -f qcow2 image.qcow2 1M
qemu-img create -q -f qcow2 small.qcow2 512k
qemu-img create -q -f raw whole.raw 1M

while read -r words; do
    says_what_qemu_says convert $words
    [[ ! -e target ]] || fail "convert $words: made its target"
done <<'END'
disk.raw
-O qcow2 disk.raw
-O bogus disk.raw target
-m 0 disk.raw target
-m 17 disk.raw target
-m x disk.raw target
-S 1000 disk.raw target
-S 32M disk.raw target
-S x disk.raw target
-r x disk.raw target
-t bogus disk.raw target
-T bogus disk.raw target
-C -c disk.raw target
-C --salvage disk.raw target
-c disk.raw target
-c -O qcow2 -o preallocation=metadata disk.raw target
-c -O qcow2 -o preallocation=bogus disk.raw target
-c -n -O raw disk.raw whole.raw
-c -n --target-image-opts disk.raw driver=raw,file.filename=whole.raw
--target-is-zero disk.raw target
--target-image-opts disk.raw driver=raw,file.filename=target
-n --target-image-opts -O raw disk.raw driver=raw,file.filename=target
--image-opts -f raw driver=raw,file.filename=disk.raw target
-n -o size=1M disk.raw target
-n -f raw -O qcow2 disk.raw small.qcow2
-l one -f qcow2 image.qcow2 image.qcow2 target
-l snapshot.bogus=1 -f qcow2 image.qcow2 target
-B image.qcow2 -F qcow2 -O qcow2 disk.raw disk.raw target
-B image.qcow2 -F qcow2 -O raw disk.raw target
-F qcow2 -O raw disk.raw target
-B image.qcow2 -O qcow2 disk.raw target
-o backing_file=image.qcow2 -O qcow2 disk.raw target
-o bogus=3 -O qcow2 disk.raw target
--bitmaps -f raw -O qcow2 disk.raw target
--bitmaps -f qcow2 -O raw image.qcow2 target
--bitmaps -f qcow2 -O qcow2 image.qcow2 image.qcow2 target
--skip-broken-bitmaps -f qcow2 -O qcow2 image.qcow2 target
END

# A bitmap that is not asked for is no obstacle.
qemu-img bitmap --add image.qcow2 bitmap
qcow-img convert -f qcow2 -O qcow2 image.qcow2 target
clean target
