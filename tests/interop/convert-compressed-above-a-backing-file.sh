#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# convert -c -B: the clusters that QEMU writes, and those that are written in part only are filled
# with what lies below.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# allocated FILE: the ranges that the image itself holds.
allocated() {
    qemu-img map --output=json -f qcow2 "$1" | grep '"depth": 0, "present": true' |
        sed 's/[^0-9]*\([0-9]*\), "length": \([0-9]*\).*/\1 \2/' |
        awk '$1 != end { printf "%s\n%s-", end, $1 } { end = $1 + $2 } END { print end }'
}

compare_with_qemu() {
    local source=$1
    shift
    rm -f ours.qcow2 qemu.qcow2
    qcow-img convert -c -f qcow2 -O qcow2 "$@" "$source" ours.qcow2
    qemu-img convert -c -f qcow2 -O qcow2 "$@" "$source" qemu.qcow2
    clean ours.qcow2
    same_disk "$source" qcow2 ours.qcow2 qcow2
    [[ $(allocated ours.qcow2) == $(allocated qemu.qcow2) ]] || fail "$*: QEMU copies other clusters"
}

# Small clusters above large ones of the target; the middle of the chain is shorter than both others.
make_text base.raw 6291456
qemu-img create -q -f qcow2 -b base.raw -F raw middle.qcow2 5M
qemu-io -f qcow2 -c 'write -P 2 1M 1M' -c 'write -z 2M 64k' middle.qcow2 > log
qemu-img create -q -f qcow2 -o cluster_size=4k -b middle.qcow2 -F qcow2 top.qcow2 8389120
qemu-io -f qcow2 -c 'write -P 3 3M 512k' -c 'write -z 4M 64k' -c 'write -P 5 100k 4k' \
    -c 'write -z 300k 4k' -c 'write -P 6 5116k 8k' -c 'write -P 4 7M 64k' \
    -c 'write -P 7 8M 512' top.qcow2 > log
for size in 4k 64k 1M; do
    compare_with_qemu top.qcow2 -o cluster_size=$size -B middle.qcow2 -F qcow2
    compare_with_qemu top.qcow2 -o cluster_size=$size,compression_type=zstd -B middle.qcow2 -F qcow2
done

# Zeroes behind the backing file's end are there already.
qemu-io -f qcow2 -c 'write -z 7604k 4k' top.qcow2 > log
qcow-img convert -c -f qcow2 -O qcow2 -B middle.qcow2 -F qcow2 top.qcow2 ours.qcow2
clean ours.qcow2
same_disk top.qcow2 qcow2 ours.qcow2 qcow2

# Two images below the source: what lies between must not be lost.
qcow-img convert -c -f qcow2 -O qcow2 -B base.raw -F raw top.qcow2 ours.qcow2
clean ours.qcow2
same_disk top.qcow2 qcow2 ours.qcow2 qcow2
allocated ours.qcow2 | grep -q '^0-' && fail "what the base holds was copied, too"

# A source without a backing file hides whatever lies below, with zeroes, too.
qemu-img convert -f raw -O qcow2 base.raw whole.qcow2
for size in 1M 6M 20M; do
    qemu-img create -q -f qcow2 below.qcow2 "$size"
    qemu-io -f qcow2 -c "write -P 9 0 $size" below.qcow2 > log
    qcow-img convert -c -f qcow2 -O qcow2 -B below.qcow2 -F qcow2 whole.qcow2 ours.qcow2
    clean ours.qcow2
    same_disk whole.qcow2 qcow2 ours.qcow2 qcow2
done
