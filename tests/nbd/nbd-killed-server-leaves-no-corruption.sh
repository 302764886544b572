#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A server that is killed while clients write leaves an image that opens at once and is not corrupt;
# clusters may have leaked.  What was flushed, on any connection, is there.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io

# The client writes the first 20000 bytes of each 64 KiB.
for round in 1 2 3 4 5 6; do
    qemu-img create -q -f qcow2 -o cluster_size=$((round % 2 ? 65536 : 4096)) \
        "$work/disk.qcow2" 1G
    qemu-io -f qcow2 -c 'write -P 1 209736704 40000' "$work/disk.qcow2" > /dev/null
    serve "disk$round" qcow2 "$work/disk.qcow2"
    qemu-img bench -f raw -w -c 100000000 -d 32 -s 20000 -S 196608 --flush-interval=50 "$uri" \
        > "$work/bench.log" 2>&1 &
    client=$!
    sleep "0.$((round * 15))"
    kill -0 "$client" || fail "the client ended by itself: $(cat "$work/bench.log")"
    kill_hard "$server"
    wait "$client" 2> /dev/null || true
    not_corrupt "$work/disk.qcow2"
    serve "again$round" qcow2 "$work/disk.qcow2"
    qemu-io -f raw -c 'read -P 1 209736704 40000' -c 'write -P 2 210M 1M' -c 'read -P 2 210M 1M' "$uri" \
        > /dev/null || fail "the image is not served again"
    stop_server
    not_corrupt "$work/disk.qcow2"
done

# One connection writes, another one flushes, both stay.
qemu-img create -q -f qcow2 "$work/disk.qcow2" 16M
serve flush qcow2 "$work/disk.qcow2"
stay writer
stay flusher
tell writer 'write -P 11 7M 3M'
tell flusher flush
kill_hard "$server"
not_corrupt "$work/disk.qcow2"
qemu-io -r -f qcow2 -c 'read -P 11 7M 3M' "$work/disk.qcow2" > /dev/null ||
    fail "what the second connection flushed is not in the image"

# One connection writes with FUA.
qemu-img create -q -f qcow2 "$work/disk.qcow2" 16M
serve fua qcow2 "$work/disk.qcow2"
stay fua
tell fua 'write -f -P 12 7M 3M'
kill_hard "$server"
not_corrupt "$work/disk.qcow2"
qemu-io -r -f qcow2 -c 'read -P 12 7M 3M' "$work/disk.qcow2" > /dev/null ||
    fail "what was written with FUA is not in the image"
