#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a client writes, zeroes and trims through the server is in the image's bitmap when the server has
# ended.  A server that is killed leaves a bitmap that says so, and can be removed.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io

# dirty FILE BITMAP: the dirty extents, "offset length" each.
dirty() {
    qcow-img map --output=json --bitmap "$2" "$1" |
        sed -nE 's/.*"start": ([0-9]+), "length": ([0-9]+), "dirty": true.*/\1 \2/p'
}

qemu-img create -q -f qcow2 "$work/disk.qcow2" 16M
qemu-img bitmap --add -g 4k "$work/disk.qcow2" small
qemu-img bitmap --add "$work/disk.qcow2" default
serve disk qcow2 "$work/disk.qcow2"
qemu-io -d unmap -f raw -c 'write -q 1000000 5000' -c 'write -q -z 4M 8k' -c 'discard -q 8M 1M' \
    -c 'write -q 16777215 1' "$uri"
stop_server
clean "$work/disk.qcow2"
diff - <(dirty "$work/disk.qcow2" small) <<END
999424 8192
4194304 8192
8388608 1048576
16773120 4096
END
diff - <(dirty "$work/disk.qcow2" default) <<END
983040 65536
4194304 65536
8388608 1048576
16711680 65536
END

# Served read-only, it keeps its bits and gets no mark.
before=$(identity "$work/disk.qcow2")
serve readonly -r qcow2 "$work/disk.qcow2"
qemu-io -r -f raw -c 'read -q 0 64k' "$uri"
stop_server
[[ $(identity "$work/disk.qcow2") = "$before" ]] || fail "a read-only server changed the image"

# Served and not written, neither.
serve idle qcow2 "$work/disk.qcow2"
qemu-io -r -f raw -c 'read -q 0 64k' "$uri"
kill_hard "$server"
qemu-img info "$work/disk.qcow2" | grep -q in-use && fail "a server that wrote nothing set a mark"

serve killed qcow2 "$work/disk.qcow2"
qemu-io -f raw -c 'write -q 0 512' "$uri"
kill_hard "$server"
not_corrupt "$work/disk.qcow2"
[[ $(qemu-img info "$work/disk.qcow2" | grep -c in-use) = 2 ]] || fail "the bitmaps are not marked"
if qcow-img bitmap --clear "$work/disk.qcow2" small 2> "$work/log"; then
    fail "a bitmap in use was cleared"
fi
grep -q "Bitmap 'small' is inconsistent and cannot be used" "$work/log" || fail "the reason is not said"
qcow-img bitmap --remove "$work/disk.qcow2" small
qcow-img bitmap --remove --add "$work/disk.qcow2" default
qcow-img info "$work/disk.qcow2" | grep -q in-use && fail "the new bitmap is marked"
not_corrupt "$work/disk.qcow2"
