#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With -B the target holds what lies above the backing file in the source's chain, and no more.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# allocated FILE: the ranges that the image itself holds, as data or as zero clusters.
allocated() {
    qemu-img map --output=json -f qcow2 "$1" | grep '"depth": 0, "present": true' |
        sed 's/[^0-9]*\([0-9]*\), "length": \([0-9]*\).*"data": \([a-z]*\).*/\1 \2 \3/' |
        awk '$1 != end || $3 != kind { printf "%s\n%s %s-", end, $3, $1 }
             { end = $1 + $2; kind = $3 }
             END { print end }'
}

# A chain of three; the middle one is shorter than both others.
qemu-img create -q -f qcow2 base.qcow2 6M
qemu-io -f qcow2 -c 'write -P 1 0 6M' base.qcow2 > log
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 middle.qcow2 5M
qemu-io -f qcow2 -c 'write -P 2 1M 1M' -c 'write -z 2M 64k' middle.qcow2 > log
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2 8M
qemu-io -f qcow2 -c 'write -P 3 3M 512k' -c 'write -z 4M 64k' -c 'write -P 4 7M 64k' top.qcow2 > log

# The image right below the source: QEMU copies the same.
qcow-img convert -f qcow2 -O qcow2 -B middle.qcow2 -F qcow2 top.qcow2 ours.qcow2
qemu-img convert -f qcow2 -O qcow2 -B middle.qcow2 -F qcow2 top.qcow2 qemu.qcow2
clean ours.qcow2
same_disk top.qcow2 qcow2 ours.qcow2 qcow2
[[ $(allocated ours.qcow2) == $(allocated qemu.qcow2) ]] || fail "QEMU copies other clusters"

# Two images below the source: what lies between must not be lost.
qcow-img convert -f qcow2 -O qcow2 -B base.qcow2 -F qcow2 top.qcow2 ours.qcow2
clean ours.qcow2
same_disk top.qcow2 qcow2 ours.qcow2 qcow2
qcow-img compare -q top.qcow2 ours.qcow2 || fail "we find a difference"
allocated ours.qcow2 | grep -q ' 0-' && fail "what the base holds was copied, too"

# The same content under another name and in another format, named as seen from the target.
mkdir elsewhere
qemu-img convert -f qcow2 -O raw middle.qcow2 elsewhere/middle.raw
qcow-img convert -f qcow2 -O qcow2 -o backing_file=middle.raw,backing_fmt=raw \
    top.qcow2 elsewhere/ours.qcow2
clean elsewhere/ours.qcow2
same_disk top.qcow2 qcow2 elsewhere/ours.qcow2 qcow2

# A source without a backing file is copied whole, zeroes included, over whatever lies below.
make_disk disk.raw 8M
for size in 1M 8M 20M; do
    qemu-img create -q -f qcow2 below.qcow2 "$size"
    qemu-io -f qcow2 -c "write -P 9 0 $size" below.qcow2 > log
    qcow-img convert -f raw -O qcow2 -B below.qcow2 -F qcow2 disk.raw ours.qcow2
    qemu-img convert -f raw -O qcow2 -B below.qcow2 -F qcow2 disk.raw qemu.qcow2
    clean ours.qcow2
    same_disk disk.raw raw ours.qcow2 qcow2
    [[ $(allocated ours.qcow2) == $(allocated qemu.qcow2) ]] || fail "QEMU copies other clusters"
done

# So are the clusters which it does not hold.
qemu-img create -q -f qcow2 sparse.qcow2 8M
qemu-io -f qcow2 -c 'write -P 1 1M 1M' sparse.qcow2 > log
qcow-img convert -f qcow2 -O qcow2 -B below.qcow2 -F qcow2 sparse.qcow2 ours.qcow2
clean ours.qcow2
same_disk sparse.qcow2 qcow2 ours.qcow2 qcow2
