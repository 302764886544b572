#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The target does not depend on -m, nor on -W.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 40M
for at in 9 12 15 18 19 20 21 22 26 31 33 37 38; do
    fill disk.raw $((at * 1048576 + at * 7)) $((at * 40000))
done
qcow-img convert -m 1 -f raw -O qcow2 -o cluster_size=16k disk.raw image.qcow2
clean image.qcow2
same_disk disk.raw raw image.qcow2 qcow2
qemu-img create -q -f qcow2 -b image.qcow2 -F qcow2 overlay.qcow2
qemu-io -f qcow2 -c 'write -P 3 1M 7M' -c 'write -z 11M 3M' -c 'write -P 4 39M 64k' \
    overlay.qcow2 > log
qcow-img convert -m 1 -f qcow2 -O raw overlay.qcow2 1.raw
qcow-img convert -m 1 -f qcow2 -O qcow2 overlay.qcow2 1.qcow2
for workers in 2 8 16; do
    qcow-img convert -m "$workers" -f raw -O qcow2 -o cluster_size=16k disk.raw other.qcow2
    same image.qcow2 other.qcow2
    qcow-img convert -m "$workers" -W -f qcow2 -O raw overlay.qcow2 other.raw
    same 1.raw other.raw
    qcow-img convert -m "$workers" -W -f qcow2 -O qcow2 overlay.qcow2 other.qcow2
    same 1.qcow2 other.qcow2
done
same_disk overlay.qcow2 qcow2 1.raw raw
