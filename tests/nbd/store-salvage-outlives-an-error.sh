#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# convert --salvage from a server of which one read fails, once, be it of a table: nothing becomes
# zeroes that the next read tells, and nothing without a warning.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need python3

cd "$work"
qcow-img create -q -f qcow2 -o cluster_size=4096 disk.qcow2 64M
for i in {0..15}; do
    echo "write -P $((i + 1)) $((2 * i))M 8k"
done | qcow-io disk.qcow2 > /dev/null
qcow-img convert -O raw disk.qcow2 expected.raw

# 2 reads of the header and the L1 table, one of each of the 16 L2 tables to see how much there is
# to copy, and then they are read again, for the cache does not hold as many.
for number in 3 {17..21} 25; do
    serve_faulty "at-$number" disk.qcow2 eio "$number"
    source=driver=qcow2,l2-cache-size=16384,file.driver=nbd,file.server.type=unix
    timeout 30 qcow-img convert --salvage --image-opts -O raw \
        "$source,file.server.path=$work/at-$number.sock" out.raw 2> convert.log ||
        fail "read $number fails: status $?"
    kill_hard "$server"
    cmp out.raw expected.raw || fail "read $number fails: bytes are lost that could be read"
done
