#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Bitmaps are merged across images and granularities, and copied by convert, with the results of
# qemu-img.
set -eu
. "$(dirname "$0")/bitmaps-common.sh"

for tool in qemu qcow; do
    for name in a b; do
        qemu-img create -q -f qcow2 $tool-$name.qcow2 200M
        for bits in 512 64k 16M; do
            qemu-img bitmap --add -g $bits $tool-$name.qcow2 g$bits
        done
    done
    qemu-io -f qcow2 -c 'write -q 1000 1' -c 'write -q 65535 2' -c 'write -q -z 30M 17M' \
        -c 'discard -q 199M 1M' $tool-a.qcow2
    qemu-io -f qcow2 -c 'write -q 100M 512' $tool-b.qcow2
    for from in 512 64k 16M; do
        for to in 512 64k 16M; do
            $tool-img bitmap --add -g $to --merge g$from -b $tool-a.qcow2 -F qcow2 --merge g$to \
                -b $tool-a.qcow2 $tool-b.qcow2 "from $from to $to"
        done
    done
    $tool-img bitmap --disable --merge g512 $tool-b.qcow2 g16M
    $tool-img convert --bitmaps -O qcow2 -o cluster_size=4k $tool-b.qcow2 $tool-copy.qcow2
    clean $tool-b.qcow2
    clean $tool-copy.qcow2
done

qemu-img info qemu-copy.qcow2 | sed -n '/bitmaps/,/refcount/p' >theirs
qemu-img info qcow-copy.qcow2 | sed -n '/bitmaps/,/refcount/p' >ours
diff theirs ours
for from in 512 64k 16M; do
    for to in 512 64k 16M; do
        dirty qemu-copy.qcow2 "from $from to $to" >theirs
        dirty qcow-copy.qcow2 "from $from to $to" >ours
        diff theirs ours || fail "from $from to $to"
        [[ -s ours ]] || fail "from $from to $to: nothing is dirty"
    done
done
for bits in 512 16M; do
    qemu_dirty qemu-copy.qcow2 g$bits >theirs
    qemu_dirty qcow-copy.qcow2 g$bits >ours
    diff theirs ours || fail "g$bits"
    [[ -s ours ]] || fail "g$bits: nothing is dirty"
done
