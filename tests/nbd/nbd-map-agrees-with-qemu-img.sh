#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Block status as nbdinfo sees it through the plugin is what qemu-img map says of the same image.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io nbdinfo python3

# Print "start end type" for each run of equal types, from the JSON of either program.
runs() {
    python3 - "$1" "$2" << 'PYTHON'
import json, sys
program, name = sys.argv[1:]
runs = []
for e in json.load(open(name)):
    if program == "qemu-img":
        start, length = e["start"], e["length"]
        kind = (0 if e["data"] else 1) | (2 if e["zero"] else 0)
    else:
        start, length, kind = e["offset"], e["length"], e["type"]
    assert length > 0 and start == (runs[-1][1] if runs else 0), (e, runs)
    if runs and runs[-1][2] == kind:
        runs[-1][1] += length
    else:
        runs.append([start, start + length, kind])
for run in runs:
    print(*run)
PYTHON
}

# agrees NAME WORD...: for the image $work/NAME, served with these words.
agrees() {
    local name=$1 format=$2
    shift 2
    qemu-img map --output=json -f "$format" "$work/$name" > "$work/map.qemu"
    serve "$name" qcow2 "$work/$name" format="$format" "$@"
    nbdinfo --map --json "$uri" > "$work/map.nbd"
    # qemu-img asks for one extent at a time.
    qemu-img map --output=json -f raw "$uri" > "$work/map.one"
    stop_server
    runs qemu-img "$work/map.qemu" > "$work/expected"
    runs nbdinfo "$work/map.nbd" > "$work/seen"
    runs qemu-img "$work/map.one" > "$work/seen.one"
    [[ $(wc -l < "$work/expected") -ge 3 ]] || fail "$name is too plain to show anything"
    diff -u "$work/expected" "$work/seen" || fail "nbdinfo --map of $name"
    diff -u "$work/expected" "$work/seen.one" || fail "qemu-img map over NBD of $name"
}

scribble() {
    qemu-io "$@" \
        -c 'write -P 1 0 64k' -c 'write -P 2 1M 300k' -c 'write -z 3M 1M' -c 'write -z -u 5M 1M' \
        -c 'write -P 3 6M 2M' -c 'discard 7M 512k' -c 'write -P 4 9999872 512' > /dev/null
}

for cluster_size in 512 64k 2M; do
    qemu-img create -q -f qcow2 -o "cluster_size=$cluster_size" "$work/c$cluster_size" 9M
    qemu-img resize -q "$work/c$cluster_size" 10000384
    scribble -f qcow2 "$work/c$cluster_size"
    agrees "c$cluster_size" qcow2
done

qemu-img create -q -f qcow2 -b c64k -F qcow2 "$work/overlay" 12M
qemu-io -f qcow2 -c 'write -P 5 2M 200k' -c 'write -z 6M 256k' -c 'write -P 6 11M 64k' \
    "$work/overlay" > /dev/null
agrees overlay qcow2 backing=allow

truncate -s 10000384 "$work/disk.raw"
scribble -f raw "$work/disk.raw"
qemu-img create -q -f qcow2 -b disk.raw -F raw "$work/over-raw" 12M
qemu-io -f qcow2 -c 'write -P 5 2M 200k' -c 'write -z 6M 256k' "$work/over-raw" > /dev/null
agrees over-raw qcow2 backing=allow
agrees disk.raw raw
