#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a client is told at the start is true: size, block sizes, what is allowed and offered.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img nbdinfo

can() {
    nbdinfo --can "$1" "$uri" || fail "the disk is not offered with $1"
}

cannot() {
    if nbdinfo --can "$1" "$uri"; then
        fail "the disk is offered with $1"
    fi
}

says() {
    grep -qE -- "$1" "$work/info" || fail "nbdinfo does not say \"$1\": $(cat "$work/info")"
}

qemu-img create -q -f qcow2 "$work/disk.qcow2" 5000192
serve disk qcow2 "$work/disk.qcow2"
[[ $(nbdinfo --size "$uri") == 5000192 ]] || fail "wrong size"
for offer in write flush trim zero fast-zero fua multi-conn cache structured; do
    can "$offer"
done
nbdinfo --is rotational "$uri" && fail "the disk is offered as rotational"
nbdinfo "$uri" > "$work/info"
says 'block_size_minimum: 1\b'
says 'block_size_preferred: 65536\b'
says 'block_size_maximum: 33554432\b'
says 'base:allocation'
says 'qcow2 disk$'
nbdinfo --list "$uri" > "$work/info"
says 'export="":'
says 'qcow2 disk$'
stop_server

# A disk with clusters smaller than a page.
qemu-img create -q -f qcow2 -o cluster_size=512 "$work/small.qcow2" 1M
serve small qcow2 "$work/small.qcow2"
nbdinfo "$uri" > "$work/info"
says 'block_size_preferred: 4096\b'
stop_server

# A raw disk whose size is no multiple of 512 is rounded up, as by QEMU.
head -c 1234567 /dev/zero > "$work/disk.raw"
serve raw qcow2 format=raw file="$work/disk.raw"
[[ $(nbdinfo --size "$uri") == 1234944 ]] || fail "wrong size of the raw disk"
can write
stop_server

# Read-only.
serve read-only qcow2 "$work/disk.qcow2" readonly=true
nbdinfo --is read-only "$uri" || fail "the disk is offered for writing"
cannot write
can multi-conn
stop_server
