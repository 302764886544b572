#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The verdict on a pair of images, its words and its status are QEMU's, loose and strict.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2
qemu-img convert -f raw -O qcow2 -o cluster_size=512 disk.raw small-clusters.qcow2
cp --sparse=never disk.raw full.raw
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 overlay.qcow2
cp overlay.qcow2 changed.qcow2
qemu-io -f qcow2 -c 'write -P 77 3333k 1k' changed.qcow2 > log
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 longer.qcow2 12M
cp longer.qcow2 longer-changed.qcow2
qemu-io -f qcow2 -c 'write -P 1 11M 512' longer-changed.qcow2 > log
qemu-img create -q -f qcow2 empty.qcow2 8M
qemu-img create -q -f qcow2 nothing.qcow2 0
truncate -s 8M hole.raw
cp disk.raw one-byte.raw
printf '\001' | dd of=one-byte.raw bs=1 seek=8388607 conv=notrunc status=none
cp disk.raw first-byte.raw
printf '\001' | dd of=first-byte.raw bs=1 conv=notrunc status=none
head -c 700 disk.raw > odd.raw

images=(disk.raw disk.qcow2 small-clusters.qcow2 full.raw overlay.qcow2 changed.qcow2 longer.qcow2
    longer-changed.qcow2 empty.qcow2 nothing.qcow2 hole.raw one-byte.raw first-byte.raw odd.raw)
for one in "${images[@]}"; do
    for other in "${images[@]}"; do
        says_what_qemu_says compare -f "${one##*.}" -F "${other##*.}" "$one" "$other"
    done
done
says_what_qemu_says compare -q -f raw -F qcow2 disk.raw changed.qcow2
says_what_qemu_says compare -s -f qcow2 -F qcow2 disk.qcow2 disk.qcow2
says_what_qemu_says compare -s -f qcow2 -F qcow2 disk.qcow2 longer.qcow2
says_what_qemu_says compare -s -f qcow2 -F qcow2 empty.qcow2 disk.qcow2
says_what_qemu_says compare -s -f qcow2 -F qcow2 disk.qcow2 changed.qcow2
says_what_qemu_says compare -s -f raw -F raw disk.raw one-byte.raw
says_what_qemu_says compare -T bogus -f raw -F raw disk.raw disk.raw
says_what_qemu_says compare disk.raw
says_what_qemu_says compare disk.raw disk.raw disk.raw
run qcow-img compare disk.raw missing.raw
[[ $status -eq 2 ]] || fail "status $status for a missing image"
grep -qF "Could not open 'missing.raw'" err || fail "the message is: $(cat err)"
