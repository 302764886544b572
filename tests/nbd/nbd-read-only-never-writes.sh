#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With -r, readonly=true, snapshot= or the cow filter not a byte of the file changes, nor its time,
# whatever a client tries; with any other filter the disk can be written.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io nbdinfo nbdcopy

qemu-img create -q -f qcow2 "$work/disk.qcow2" 16M
qemu-io -f qcow2 -c 'write -P 1 0 4M' "$work/disk.qcow2" > /dev/null
qemu-img snapshot -c first "$work/disk.qcow2"
qemu-io -f qcow2 -c 'write -P 2 1M 1M' "$work/disk.qcow2" > /dev/null
head -c 16M /dev/urandom > "$work/other.raw"

# A bit that a writer must clear, and would on opening: an unknown autoclear feature.
cp "$work/disk.qcow2" "$work/autoclear.qcow2"
printf '\200' | dd of="$work/autoclear.qcow2" bs=1 seek=88 conv=notrunc status=none

# untouched FILE WORD...: nbdkit with these words serves the file and leaves it as it is.
untouched() {
    local file=$1
    shift
    identity "$file" > "$work/before"
    serve read-only "$@"
    nbdinfo --is read-only "$uri" || fail "offered for writing: $*"
    qemu-io -r -f raw -c 'read 0 16M' "$uri" > /dev/null || fail "cannot be read: $*"
    if qemu-io -f raw -c 'write -P 3 0 64k' "$uri" > "$work/refused.log" 2>&1; then
        fail "qemu-io has written: $*"
    fi
    if nbdcopy "$work/other.raw" "$uri" 2> "$work/refused.log"; then
        fail "nbdcopy has written: $*"
    fi
    "$abs_top_builddir/tests/nbd/rude-client" "$uri"
    stop_server
    identity "$file" | diff "$work/before" - || fail "the file has changed: $*"
}

for image in "$work/disk.qcow2" "$work/autoclear.qcow2"; do
    chmod 0444 "$image"
    untouched "$image" -r qcow2 "$image"
    untouched "$image" qcow2 --readonly "$image"
    untouched "$image" -fr qcow2 "$image"
    untouched "$image" qcow2 "$image" readonly=true
    untouched "$image" qcow2 "$image" snapshot=first
    untouched "$image" qcow2 "$image" snapshot=1
    chmod 0644 "$image"
    identity "$image" > "$work/before"
    serve cow --filter=cow qcow2 "$image"
    qemu-io -f raw -c 'write -P 3 0 64k' -c 'read -P 3 0 64k' "$uri" > /dev/null
    stop_server
    identity "$image" | diff "$work/before" - || fail "the file has changed under the cow filter"
done
untouched "$work/other.raw" -r qcow2 format=raw "$work/other.raw"
untouched "$work/other.raw" qcow2 format=raw "$work/other.raw" readonly=true

# A filter that writes, and a name that looks like -r: what the command line cannot tell is found
# out when the client comes.
serve log --filter=log qcow2 "$work/disk.qcow2" logfile=/dev/null
qemu-io -f raw -c 'write -P 4 0 64k' -c 'read -P 4 0 64k' "$uri" > /dev/null
stop_server
serve name -e -r qcow2 "$work/disk.qcow2"
qemu-io -f raw -c 'read -P 4 0 64k' -c 'write -P 5 0 64k' "$uri" > /dev/null
stop_server

# In the background, where nbdkit has changed directory by then.
(cd "$work" && nbdkit --unix="$work/away.sock" --pidfile="$work/away.pid" --filter=log \
    qcow2 disk.qcow2 logfile=/dev/null)
servers+=("$(cat "$work/away.pid")")
qemu-io -f raw -c 'read -P 5 0 64k' -c 'write -P 6 0 64k' "nbd+unix:///?socket=$work/away.sock" \
    > /dev/null
kill "$(cat "$work/away.pid")"
while [[ -e $work/away.pid ]] && kill -0 "$(cat "$work/away.pid")" 2> /dev/null; do
    sleep 0.1
done
clean "$work/disk.qcow2"
qemu-io -r -f qcow2 -c 'read -P 6 0 64k' "$work/disk.qcow2" > /dev/null || fail "not written"
