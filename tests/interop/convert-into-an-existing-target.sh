#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With -n the target is there already: everything is written, zeroes included, unless it is said to
# be zero.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M

used() {
    rm -f target.*
    qemu-img create -q -f qcow2 target.qcow2 10M
    qemu-io -f qcow2 -c 'write -P 9 0 10M' target.qcow2 > log
    qemu-img convert -f qcow2 -O raw target.qcow2 target.raw
}

used
identity=$(stat -c %i target.raw)
cp target.raw expected.raw
dd if=disk.raw of=expected.raw bs=1M conv=notrunc status=none
qcow-img convert -n -f raw -O raw disk.raw target.raw
[[ $(stat -c %i target.raw) -eq $identity ]] || fail "target.raw is another file"
same target.raw expected.raw
qcow-img convert -n -f raw -O qcow2 disk.raw target.qcow2
clean target.qcow2
same_disk target.qcow2 qcow2 expected.raw raw

for sparse in 0 64k; do
    used
    qcow-img convert -n -S "$sparse" -f raw -O qcow2 disk.raw target.qcow2
    clean target.qcow2
    same_disk target.qcow2 qcow2 expected.raw raw
done

# What is promised to be zero is not written.
used
qcow-img convert -n --target-is-zero -f raw -O raw disk.raw target.raw
dd if=target.raw bs=1M skip=2 count=1 status=none | tr -d '\t' | grep -q . &&
    fail "zeroes were written although the target was said to be zero"
qemu-img create -q -f qcow2 zero.qcow2 8M
qcow-img convert -n --target-is-zero -f raw -O qcow2 disk.raw zero.qcow2
qemu-img convert -f raw -O qcow2 disk.raw qemu.qcow2
clean zero.qcow2
same_layout zero.qcow2 qemu.qcow2

# An overlay that is there, over a backing file that is not empty.
qemu-img create -q -f qcow2 base.qcow2 8M
qemu-io -f qcow2 -c 'write -P 5 0 8M' base.qcow2 > log
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 overlay.qcow2 12M
qcow-img convert -n -f raw -O qcow2 disk.raw overlay.qcow2
clean overlay.qcow2
qemu-img convert -f qcow2 -O raw overlay.qcow2 seen.raw
truncate -s 12M disk.raw
same disk.raw seen.raw
refuses "Cannot use --target-is-zero when the destination image has a backing file" \
    convert -n --target-is-zero -B base.qcow2 -F qcow2 -O qcow2 -f raw disk.raw overlay.qcow2

# Cache modes, and names that are options.
used
for cache in none writeback writethrough directsync unsafe; do
    qcow-img convert -n -t "$cache" -T writeback --image-opts --target-image-opts \
        driver=raw,file.filename=expected.raw driver=qcow2,file.filename=target.qcow2
    clean target.qcow2
    same_disk target.qcow2 qcow2 expected.raw raw
    qcow-img convert -t "$cache" -f raw -O raw expected.raw cached.raw
    same cached.raw expected.raw
done
