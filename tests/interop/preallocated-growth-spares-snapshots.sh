#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk that was cut off inside a cluster that a snapshot shares grows with preallocation: the snapshot
# shows what it showed, also behind the place where the disk ended.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

head -c 256k /dev/urandom > base
for options in extended_l2=on extended_l2=off; do
    for backing in '-b base -F raw' ''; do
        # shellcheck disable=SC2086
        qcow-img create -q -f qcow2 -o $options,cluster_size=16k $backing start.qcow2 100k
        qcow-io -f qcow2 -c 'write -q -P 7 60k 30k' start.qcow2
        qcow-img snapshot -c one start.qcow2
        qcow-img convert -O raw -l one start.qcow2 before.raw
        qcow-img resize -q --shrink start.qcow2 68096
        qcow-img convert -O raw start.qcow2 start.raw
        for mode in full falloc metadata; do
            cp start.qcow2 grown.qcow2
            qcow-img resize -q --preallocation=$mode grown.qcow2 87552
            qcow-img convert -O raw -l one grown.qcow2 after.raw
            same before.raw after.raw
            truncate -s 87552 start.raw
            same_disk start.raw raw grown.qcow2 qcow2
            clean grown.qcow2
        done
    done
done
