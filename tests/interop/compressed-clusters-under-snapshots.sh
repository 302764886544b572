#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Snapshots share compressed clusters: each state is kept whatever is written, zeroed or discarded
# above it, by either hand, and nothing leaks when they go.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

verify() {
    clean image.qcow2
    qcow-img check -q -f qcow2 image.qcow2 || fail "qcow-img check"
    same_disk "$1" raw image.qcow2 qcow2
    qcow-img compare -q -f raw -F qcow2 "$1" image.qcow2 || fail "we find $1 different"
}

# verify_snapshot NAME FILE
verify_snapshot() {
    qemu-img convert -f qcow2 -l "snapshot.name=$1" -O raw image.qcow2 out.raw
    same "$2" out.raw
    qcow-img convert -f qcow2 -l "$1" -O raw image.qcow2 out.raw
    same "$2" out.raw
}

make_text first.raw 4194304
make_text second.raw 4194304
fill second.raw 1000000 300000
for type in zlib zstd; do
    for tools in 'qcow qemu' 'qemu qcow' 'qcow qcow'; do
        read -r one other <<< "$tools"
        $other-img convert -c -f raw -O qcow2 -o cluster_size=16k,compression_type=$type \
            first.raw image.qcow2
        $one-img snapshot -c first image.qcow2
        verify first.raw

        qcow-img convert -c -n -f raw -O qcow2 second.raw image.qcow2
        verify second.raw
        verify_snapshot first first.raw
        $other-img snapshot -c second image.qcow2

        $one-io -f qcow2 -c 'write -P 1 0 100k' -c 'write -z 3M 64k' -c 'discard 3200k 64k' \
            -c 'write -c -P 3 768k 16k' image.qcow2 > log || fail "$one-io: $(cat log)"
        clean image.qcow2
        verify_snapshot first first.raw
        verify_snapshot second second.raw

        $other-img snapshot -a first image.qcow2
        verify first.raw
        $one-img snapshot -d first image.qcow2
        verify first.raw
        verify_snapshot second second.raw
        $one-img snapshot -a second image.qcow2
        verify second.raw
        $other-img snapshot -d second image.qcow2
        verify second.raw
    done
done
