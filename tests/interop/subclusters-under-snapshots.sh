#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A snapshot shares whole clusters: the first write to one moves what lies between its first and its
# last allocated subcluster, as QEMU does, and the snapshot stays what it was.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

for cluster in 16 64 2048; do
    sub=$((cluster * 1024 / 32))
    c() { echo $(($1 * cluster * 1024 + ${2-0} * sub)); }
    for tool in qemu qcow; do
        image=$tool.qcow2
        $tool-img create -q -f qcow2 -o extended_l2=on,cluster_size=${cluster}k $image 10M
        $tool-io -f qcow2 -c "write -P 1 $(c 0 4) $sub" -c "write -P 2 $(c 0 9) $sub" \
            -c "write -P 3 $(c 1) $(c 1)" -c "write -z $(c 1 10) $(c 0 3)" \
            -c "write -P 4 $(c 3 31) $sub" $image > log
        qcow-img convert -f qcow2 -O raw $image before.raw
        $tool-img snapshot -c one $image
        # before the first, between the two, behind the last; into zeroes; across clusters
        $tool-io -f qcow2 -c "write -P 5 $(c 0 1) 512" -c "write -P 6 $(c 0 6) 512" \
            -c "write -P 7 $(c 0 20) 512" -c "write -P 8 $(c 1 11) 512" \
            -c "write -z $(c 2 3) $sub" -c "write -P 9 $(c 2 30) $(c 1)" $image > log
        clean $image
        cp --sparse=never $image whole # holes are the host's matter
        qemu-img map -f qcow2 --output=json whole > $tool.map
    done
    cmp qemu.map qcow.map || fail "another map with clusters of ${cluster}k"
    same_disk qemu.qcow2 qcow2 qcow.qcow2 qcow2
    qcow-img convert -f qcow2 -O raw qcow.qcow2 after.raw
    qcow-img convert -f qcow2 -O raw -l one qemu.qcow2 one.raw
    same before.raw one.raw
    for tool in qemu qcow; do # the other tool goes on
        other=$([ $tool = qemu ] && echo qcow || echo qemu)
        $other-img snapshot -c two $tool.qcow2
        $other-img snapshot -a one $tool.qcow2
        clean $tool.qcow2
        same_disk before.raw raw $tool.qcow2 qcow2
        $other-io -f qcow2 -c "write -P 10 0 $sub" -c "write -z 0 10M" $tool.qcow2 > log
        $other-img snapshot -a two $tool.qcow2
        $other-img snapshot -d one $tool.qcow2
        clean $tool.qcow2
        same_disk after.raw raw $tool.qcow2 qcow2
        $other-img snapshot -d two $tool.qcow2
        clean $tool.qcow2
    done
done
