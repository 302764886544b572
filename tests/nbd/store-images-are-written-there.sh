#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images on NBD servers: converted to, created and changed there, sparse where they were, and durable
# when the program says so.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit qemu-img qemu-io

cd "$work"
truncate -s 64M disk.raw
qemu-io -f raw -c 'write -P 1 0 64k' -c 'write -P 2 30M 3M' -c 'write -P 3 63M 1M' disk.raw > write.log

# raw: without and with -n, over what was there before
truncate -s 64M target
serve target file target
qcow-img convert -O raw disk.raw "$uri"
qcow-img convert -O qcow2 disk.raw disk.qcow2
qcow-io -f raw -c 'write -P 9 10M 10M' -c 'write -P 9 62M 2M' "$uri"
for options in '' -n '-n --target-is-zero -S 0'; do
    # shellcheck disable=SC2086
    qcow-img convert $options -O raw disk.qcow2 "$uri"
    qcow-img compare -f raw -F raw disk.raw "$uri"
    qemu-img compare -f raw -F raw disk.raw "$uri"
done
stop_server
cmp disk.raw target
truncate -s 64M sparse
serve sparse file sparse
qcow-img convert -O raw disk.qcow2 "$uri"
stop_server
[[ $(stat -c %b sparse) -lt $((8 * 2048)) ]] || fail "the target is not sparse"

# a target that is too small, or not to be written
serve small memory 32M
if qcow-img convert -n -O raw disk.raw "$uri" 2> small.log; then
    fail "64M went into 32M"
fi
grep -q 'smaller than input' small.log
if qcow-img create -f raw "$uri" 64M 2> small.log > created.log; then
    fail "64M were created in 32M"
fi
stop_server
serve locked -r memory 64M
if qcow-img convert -n -O raw disk.raw "$uri" 2> locked.log; then
    fail "a read-only export was written"
fi
grep -q 'read-only' locked.log
stop_server

# qcow2
truncate -s 80M image
serve image file image
qcow-img convert -O qcow2 disk.raw "$uri"
qemu-img check -f qcow2 "$uri"
qemu-img compare -f qcow2 -F raw "$uri" disk.raw
qcow-img create -f qcow2 -o cluster_size=4k "$uri" 100M
qcow-io -f qcow2 -c 'write -P 5 1M 5M' -c 'write -z 2M 1M' -c 'discard 3M 64k' -c 'write -c -P 6 50M 4k' \
    -c flush "$uri"
qcow-img snapshot -c one "$uri"
qcow-img resize -f qcow2 "$uri" 200M
qemu-io -f qcow2 -c 'write -P 7 150M 1M' "$uri"
qcow-io -f qcow2 -c 'read -P 7 150M 1M' -c 'read -P 0 2M 1M' -c 'read -P 6 50M 4k' "$uri" > read.log
if grep -q failed read.log; then
    fail "what was written is not read"
fi
qemu-img check -f qcow2 "$uri"
if qcow-io -f qcow2 -c 'write -P 8 0 120M' "$uri" 2> full.log; then
    fail "120M went into 80M"
fi
grep -qi 'no space\|the export has' full.log
qemu-img check -f qcow2 "$uri" > check.log || fail "a full export harmed the image"
stop_server
clean image

# flushes reach the server
serve flushed --filter=stats memory 16M statsfile="$work/stats"
qcow-img convert -t writeback -n -O raw -f raw disk.qcow2 "$uri" 2> flushed.log || true
qcow-io -f raw -c 'write 0 64k' -c flush "$uri" > write.log
stop_server
grep -q '^flush: [1-9]' stats || fail "no flush was seen"
