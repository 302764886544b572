#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A server that takes whole blocks only is asked for holes in whole blocks, whatever range is wanted;
# what lies behind the last whole block of its export counts as data.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit

export_of() {
    serve "$1" --filter=blocksize-policy memory "$2" blocksize-minimum=4096 \
        blocksize-maximum=32M blocksize-error-policy=error
}

# shows LENGTHS COMMAND...: the lengths of the extents that it prints as JSON
shows() {
    local expected=$1 lengths
    shift
    "$@" > "$work/out.json" || fail "$*"
    lengths=$(grep -oE '"length": [0-9]+|"data": (true|false)' "$work/out.json" |
        sed 's/.*: //' | tr '\n' ' ')
    [[ $lengths == "$expected " ]] || fail "$*: '$lengths', not '$expected'"
}

export_of whole 1G
shows '209715712 false' qcow-img map -f raw --output=json --max-length=209715712 "$uri"
shows '1000 false' qcow-img map -f raw --output=json -s 1025 -l 1000 "$uri"
qcow-img measure -f raw -O qcow2 "$uri" > "$work/out.log" || fail "measure"
qcow-io -r -f raw -c 'alloc 512 200M' -c map "$uri" > "$work/out.log" || fail "alloc and map"
stop_server

export_of odd 1049088
shows '1048576 false 512 true' qcow-img map -f raw --output=json "$uri"
qcow-img measure -f raw -O qcow2 "$uri" > "$work/out.log" || fail "measure of an odd size"
stop_server

# what fills up the last sector has no place there
for plugin in memory random; do
    serve end "$plugin" 1000
    qcow-img map -f raw --output=json "$uri" > "$work/ours"
    grep -qF '"length": 24, "depth": 0, "present": true, "zero": true, "data": false}]' \
        "$work/ours" || fail "the end of $plugin: $(cat "$work/ours")"
    if command -v qemu-img > /dev/null; then
        qemu-img map -f raw --output=json "$uri" | diff - "$work/ours" || fail "the end of $plugin"
    fi
    stop_server
done
