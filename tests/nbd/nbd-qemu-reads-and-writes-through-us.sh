#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What qemu-io and qemu-img do to a disk through the plugin is what they do to the image themselves:
# the same sequence on both gives the same disk, and the image is clean.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io

# Every kind of request, at every alignment; -u lets zeroes unmap, -f is FUA.
operations=(
    'write -P 1 0 3M' 'write -P 2 65535 2' 'write -P 3 1048577 131071' 'write -z 128k 64k'
    'write -z -u 300001 200001' 'write -z -u 512k 256k' 'write -f -P 4 5M 12345'
    'write -z -f 5242881 77' 'discard 2M 512k' 'discard 2700001 70000' 'flush' 'write -P 5 2M 100k'
    'writev -P 6 6M 4k 8k 512' 'write -P 7 8388351 257' 'write -z 0 65536' 'read -P 0 0 65536'
    'read -P 1 70000 4096' 'read -P 7 8388351 257' 'aio_write -P 8 7M 64k' 'aio_write -P 9 7405569 3'
    'aio_flush'
)

# operate IMAGE-OPTION...: run them all; qemu-io's status says whether the patterns were read back.
operate() {
    local arguments=() operation
    for operation in "${operations[@]}"; do
        arguments+=(-c "$operation")
    done
    qemu-io "${arguments[@]}" "$@" > "$work/operate.log" 2>&1 || fail "qemu-io $*"
    if grep -qE 'failed|error' "$work/operate.log"; then
        cat "$work/operate.log"
        fail "qemu-io $*"
    fi
}

for options in cluster_size=512 cluster_size=2M cluster_size=64k,compat=0.10 cluster_size=64k; do
    qemu-img create -q -f qcow2 -o "$options" "$work/ours.qcow2" 8388608
    qemu-img create -q -f qcow2 -o "$options" "$work/theirs.qcow2" 8388608
    serve operate qcow2 "$work/ours.qcow2"
    operate -d unmap -f raw "$uri"
    qemu-img convert -f raw -O raw "$uri" "$work/seen.raw"
    stop_server
    operate -d unmap -f qcow2 "$work/theirs.qcow2"
    clean "$work/ours.qcow2"
    qemu-img compare -q -f raw -F qcow2 "$work/seen.raw" "$work/theirs.qcow2" ||
        fail "read through us, $options"
    qemu-img compare -q "$work/ours.qcow2" "$work/theirs.qcow2" || fail "read by QEMU, $options"
done

# qemu-img converts into the plugin and compares through it.
head -c 7M /dev/urandom > "$work/disk.raw"
truncate -s 8388608 "$work/disk.raw"
serve convert qcow2 "$work/ours.qcow2"
qemu-img convert -n -W -f raw -O raw "$work/disk.raw" "$uri"
qemu-img compare -q -f raw -F raw "$work/disk.raw" "$uri" || fail "compare through us"
stop_server
clean "$work/ours.qcow2"
qemu-img compare -q -f raw -F qcow2 "$work/disk.raw" "$work/ours.qcow2" || fail "compare by QEMU"

# A fast zero (-n) is a matter of metadata, or refused.
serve fast qcow2 "$work/ours.qcow2"
qemu-io -f raw -c 'write -P 9 0 2M' -c 'write -z -n 64k 1M' -c 'read -P 0 64k 1M' "$uri" \
    > "$work/fast.log" || fail "a fast zero of whole clusters"
if qemu-io -f raw -c 'write -z -n 2000000 1000' "$uri" > "$work/fast.log" 2>&1; then
    fail "a fast zero of a part of a cluster was not refused"
fi
grep -q 'not supported' "$work/fast.log" || fail "a fast zero was refused wrongly"
qemu-io -f raw -c 'read -P 9 2000000 1000' "$uri" > /dev/null || fail "the refused zero was done"
stop_server
clean "$work/ours.qcow2"
