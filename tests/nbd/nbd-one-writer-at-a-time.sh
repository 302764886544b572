#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# While one server may write an image, no second one starts and QEMU does not open it; while QEMU
# may write it, no server starts.  Readers go together.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io qemu-nbd

cd "$work"
qemu-img create -q -f qcow2 disk.qcow2 4M

# From the start, before any client has come.
serve first qcow2 disk.qcow2
refuses disk.qcow2 qcow2 disk.qcow2
refuses disk.qcow2 qcow2 disk.qcow2 readonly=true
grep -qi lock refused.log || fail "the refusal does not speak of a lock"
if qemu-io -f qcow2 -c 'write 0 64k' disk.qcow2 > qemu.log 2>&1; then
    fail "QEMU writes the image, too"
fi
grep -q lock qemu.log || fail "QEMU is kept out by something else: $(cat qemu.log)"
qemu-io -f raw -c 'write -P 1 0 64k' "$uri" > /dev/null
stop_server

# Gone with the server, even a killed one.
serve killed qcow2 disk.qcow2
kill_hard "$server"

# QEMU first.
qemu-nbd --format=qcow2 --persistent --socket="$work/qemu.sock" disk.qcow2 &
qemu=$!
servers+=("$qemu")
for _ in {1..100}; do
    [[ -S qemu.sock ]] && break
    sleep 0.1
done
refuses disk.qcow2 qcow2 disk.qcow2
refuses disk.qcow2 qcow2 disk.qcow2 readonly=true
refuses disk.qcow2 -r qcow2 disk.qcow2
kill "$qemu"
wait "$qemu" || true

# Readers: two of ours, one of theirs, and no writer.
serve reader qcow2 disk.qcow2 readonly=true
serve other -r qcow2 disk.qcow2
qemu-io -r -f qcow2 -c 'read -P 1 0 64k' disk.qcow2 > /dev/null || fail "QEMU cannot read"
refuses disk.qcow2 qcow2 disk.qcow2
if qemu-io -f qcow2 -c 'write 0 64k' disk.qcow2 > qemu.log 2>&1; then
    fail "QEMU writes what we read"
fi
