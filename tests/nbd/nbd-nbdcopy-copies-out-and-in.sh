#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdcopy, which uses several connections and block status, copies a disk out of an image and into
# one without changing a byte, and holes stay holes.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img nbdcopy

# 48 MiB less 512 bytes: data, holes, data up to the end.
head -c 10M /dev/urandom > "$work/disk.raw"
truncate -s 30M "$work/disk.raw"
head -c $((18 * 1048576 - 512)) /dev/urandom >> "$work/disk.raw"
size=$(stat -c %s "$work/disk.raw")

# Out of an image that QEMU made.
qemu-img convert -O qcow2 "$work/disk.raw" "$work/qemu.qcow2"
serve out qcow2 "$work/qemu.qcow2"
nbdcopy "$uri" "$work/out.raw"
cmp "$work/disk.raw" "$work/out.raw"
stop_server

# Into an image that was empty, and into one that was full of something else.
for cluster_size in 4k 64k; do
    qemu-img create -q -f qcow2 -o "cluster_size=$cluster_size" "$work/in.qcow2" "$size"
    serve in qcow2 "$work/in.qcow2"
    nbdcopy --flush "$work/disk.raw" "$uri"
    stop_server
    clean "$work/in.qcow2"
    qemu-img compare -q -f raw -F qcow2 "$work/disk.raw" "$work/in.qcow2" || fail "in, $cluster_size"
    [[ $(du -k "$work/in.qcow2" | cut -f1) -lt 32768 ]] || fail "the hole was written"
done
head -c "$size" /dev/urandom > "$work/other.raw"
qemu-img convert -O qcow2 "$work/other.raw" "$work/full.qcow2"
serve full qcow2 "$work/full.qcow2"
nbdcopy --flush "$work/disk.raw" "$uri"
stop_server
clean "$work/full.qcow2"
qemu-img compare -q -f raw -F qcow2 "$work/disk.raw" "$work/full.qcow2" || fail "into a full image"

# A raw disk, out and in.
truncate -s "$size" "$work/in.raw"
serve raw-out qcow2 format=raw "$work/disk.raw" readonly=true
from=$uri
serve raw-in qcow2 format=raw "$work/in.raw"
nbdcopy --flush "$from" "$uri"
stop_server
cmp "$work/disk.raw" "$work/in.raw"
