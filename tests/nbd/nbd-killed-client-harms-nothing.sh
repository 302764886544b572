#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A client that is killed while it writes leaves a server that serves the next one, and an image
# with nothing wrong in it.  What a client wrote without a flush is in the image once it is gone.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io

# nbdkit before 1.36 may assert that a connection is still open while another of its threads closes
# it.  Then the image has to stand a killed server, as it does in other tests, and a new one goes on.
nbdkit_gave_up() {
    grep -q 'raw_send_socket: Assertion' "$work/disk.log"
}

next_client() {
    qemu-io -f raw -c 'write -P 9 100M 1M' -c 'read -P 9 100M 1M' "$uri" > "$work/next.log" 2>&1
}

qemu-img create -q -f qcow2 "$work/disk.qcow2" 1G
serve disk qcow2 "$work/disk.qcow2"
cut=
for delay in 0.05 0.2 0.5 1; do
    qemu-img bench -f raw -w -c 100000000 -d 32 -s 20000 -S 196608 --flush-interval=100 "$uri" \
        > "$work/bench.log" 2>&1 &
    client=$!
    sleep "$delay"
    kill -0 "$client" || fail "the client ended by itself: $(cat "$work/bench.log")"
    kill_hard "$client"
    next_client && continue
    nbdkit_gave_up || fail "the server does not serve the next client: $(cat "$work/next.log")"
    cut=yes
    serve disk qcow2 "$work/disk.qcow2"
    next_client || fail "a new server does not serve the next client: $(cat "$work/next.log")"
done
stop_server
if [[ -n $cut ]]; then
    not_corrupt "$work/disk.qcow2"
else
    clean "$work/disk.qcow2"
fi

# Written, not flushed, client killed; then the server, too.
qemu-img create -q -f qcow2 "$work/disk.qcow2" 16M
serve disk qcow2 "$work/disk.qcow2"
stay writer
tell writer 'write -P 11 7M 3M'
kill_hard "$client"
for _ in {1..100}; do
    qemu-io -U -r -f qcow2 -c 'read -P 11 7M 3M' "$work/disk.qcow2" > "$work/read.log" 2>&1 && break
    sleep 0.1
done
kill_hard "$server"
not_corrupt "$work/disk.qcow2"
qemu-io -r -f qcow2 -c 'read -P 11 7M 3M' "$work/disk.qcow2" > "$work/read.log" ||
    fail "what the killed client wrote is not in the image"
