#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Several sources become one disk, one behind the other, whatever their sizes.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk one.raw 8M
head -c 1573376 /dev/urandom > two.raw
truncate -s 3M three.raw
truncate -s 0 nothing.raw
head -c 1000 /dev/urandom > odd.raw
qemu-img convert -f raw -O qcow2 one.raw one.qcow2

cat one.raw two.raw nothing.raw three.raw odd.raw > all.raw
truncate -s %512 all.raw
cat two.raw one.raw >> all.raw
qcow-img convert -f raw -O raw {one,two,nothing,three,odd,two,one}.raw ours.raw
same all.raw ours.raw
qcow-img convert -f raw -O qcow2 {one,two,nothing,three,odd,two,one}.raw ours.qcow2
qemu-img convert -f raw -O qcow2 {one,two,nothing,three,odd,two,one}.raw qemu.qcow2
clean ours.qcow2
same_layout ours.qcow2 qemu.qcow2

qcow-img convert -f qcow2 -O raw one.qcow2 one.qcow2 ours.raw
cat one.raw one.raw | cmp - ours.raw || fail "two images did not become one"
