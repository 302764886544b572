#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Of compressed clusters, their neighbours and their backing files map says what qemu-img says.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

same_map() {
    says_what_qemu_says map -f qcow2 --output=json "$1"
    grep -q '"depth": 0, "present": true' out || fail "the map of $1 shows nothing of it"
    says_what_qemu_says map -f qcow2 "$1" # text: refused by both
}

make_text disk.raw 4194816
for size in 4k 64k 2M; do
    for type in zlib zstd; do
        qcow-img convert -c -f raw -O qcow2 -o cluster_size=$size,compression_type=$type \
            disk.raw image.qcow2
        same_map image.qcow2
        qemu-img create -q -f qcow2 -o cluster_size=4k -b image.qcow2 -F qcow2 overlay.qcow2 5M
        qcow-io -f qcow2 -c 'write -c -P 1 0 4k' -c 'write -P 2 4k 4k' -c 'write -c -P 3 8k 8k' \
            -c 'write -z 16k 4k' -c 'write -c -P 4 20k 4k' overlay.qcow2 > log
        same_map overlay.qcow2
    done
done
