#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An internal snapshot served by id or by name is the disk that qcow-img and qemu-img convert -l
# read, and one that does not exist is refused by name.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io nbdcopy nbdinfo qcow-img

qemu-img create -q -f qcow2 "$work/disk.qcow2" 8M
qemu-io -f qcow2 -c 'write -P 1 0 3M' "$work/disk.qcow2" > /dev/null
qemu-img snapshot -c first "$work/disk.qcow2"
qemu-io -f qcow2 -c 'write -P 2 1M 3M' -c 'discard 0 512k' "$work/disk.qcow2" > /dev/null
qemu-img snapshot -c second "$work/disk.qcow2"
qemu-io -f qcow2 -c 'write -z 0 8M' "$work/disk.qcow2" > /dev/null

for name in first second; do
    id=$([[ $name == first ]] && echo 1 || echo 2)
    qcow-img convert -l "$name" -O raw "$work/disk.qcow2" "$work/ours.raw"
    qemu-img convert -l "$name" -O raw "$work/disk.qcow2" "$work/theirs.raw"
    cmp "$work/ours.raw" "$work/theirs.raw"
    for snapshot in "$id" "$name"; do
        serve "$snapshot" qcow2 "$work/disk.qcow2" snapshot="$snapshot"
        nbdinfo --is read-only "$uri" || fail "offered for writing"
        nbdinfo "$uri" | grep -qF "qcow2 disk, snapshot $snapshot" || fail "not described"
        nbdcopy "$uri" "$work/served.raw"
        stop_server
        cmp "$work/theirs.raw" "$work/served.raw"
    done
done
refuses third qcow2 "$work/disk.qcow2" snapshot=third
