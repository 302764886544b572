#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Snapshots of a disk that was smaller once, and larger: applied, they bring their size along, as with
# QEMU; converted and measured, they have all of their disk (QEMU cuts it, or stretches it, to today's
# size); the disk grows and shrinks between them.  Version 2, whose snapshots have no size, refuses.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# now FILE SIZE [PATTERN END]...: the disk has that many bytes, up to each end the pattern.
now() {
    local file=$1 size=$2 at=0
    shift 2
    qemu-img info "$file" | grep -qF "($size bytes)" || fail "$file: $(qemu-img info "$file")"
    clean "$file"
    qcow-img check -q "$file"
    while [[ $# -gt 0 ]]; do
        qemu-io -r -c "read -P $1 $at $(($2 - at))" "$file" > out || fail "$file: $(cat out)"
        at=$2
        shift 2
    done
}

M=1048576
for options in cluster_size=512 cluster_size=16k,extended_l2=on cluster_size=64k,lazy_refcounts=on; do
    qemu-img create -q -f qcow2 -o $options disk.qcow2 3M
    qemu-io -c 'write -q -P 1 0 3M' disk.qcow2
    qemu-img snapshot -c small disk.qcow2
    qcow-img resize -q disk.qcow2 9M
    qemu-io -c 'write -q -P 2 2M 7M' disk.qcow2
    qcow-img snapshot -c large disk.qcow2
    qcow-img resize -q --shrink disk.qcow2 1M
    qcow-img resize -q disk.qcow2 5M
    now disk.qcow2 $((5 * M)) 1 $M 0 $((5 * M))

    for program in qemu qcow; do
        cp disk.qcow2 $program-small.qcow2
        $program-img snapshot -a small $program-small.qcow2
        now $program-small.qcow2 $((3 * M)) 1 $((3 * M))
        cp disk.qcow2 $program-large.qcow2
        $program-img snapshot -a large $program-large.qcow2
        now $program-large.qcow2 $((9 * M)) 1 $((2 * M)) 2 $((9 * M))
    done
    for name in small large; do
        qcow-img convert -q -l $name -O raw disk.qcow2 part.raw
        same_disk part.raw raw qemu-$name.qcow2 qcow2
        qcow-img convert -q -l snapshot.name=$name -c -O qcow2 disk.qcow2 part.qcow2
        same_disk part.qcow2 qcow2 qemu-$name.qcow2 qcow2
        qcow-img measure -O qcow2 -l $name disk.qcow2 > ours
        qemu-img measure -O qcow2 qemu-$name.qcow2 > theirs
        same <(grep -v bitmaps ours) <(grep -v bitmaps theirs)
    done

    # on from one size to the other, to a third one, and back
    qcow-img snapshot -a small qemu-large.qcow2
    qcow-img resize -q qemu-large.qcow2 $((9 * M + 512))
    now qemu-large.qcow2 $((9 * M + 512)) 1 $((3 * M)) 0 $((9 * M + 512))
    qemu-io -c 'write -q -P 5 4M 5M' qemu-large.qcow2
    qcow-img snapshot -a large qemu-large.qcow2
    now qemu-large.qcow2 $((9 * M)) 1 $((2 * M)) 2 $((9 * M))
    qcow-img resize -q --shrink qemu-large.qcow2 512
    qcow-img snapshot -d large qemu-large.qcow2
    qemu-img snapshot -a small qemu-large.qcow2
    now qemu-large.qcow2 $((3 * M)) 1 $((3 * M))
    qemu-img snapshot -d small qemu-large.qcow2
    now qemu-large.qcow2 $((3 * M)) 1 $((3 * M))
    says_what_qemu_says amend -f qcow2 -o compat=v2 disk.qcow2
done

qemu-img create -q -f qcow2 -o compat=v2 old.qcow2 3M
qemu-img snapshot -c x old.qcow2
says_what_qemu_says resize old.qcow2 4M
says_what_qemu_says resize old.qcow2 3M
says_what_qemu_says resize --shrink old.qcow2 2M
says_what_qemu_says resize --preallocation=full old.qcow2 5M
says_what_qemu_says amend -f qcow2 -o size=5M old.qcow2
now old.qcow2 $((3 * M))
