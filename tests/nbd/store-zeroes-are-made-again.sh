#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A lost server that is waited for: zeroes it lost are made again though it cannot do so fast any
# more, or not at all.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need python3

cd "$work"
yes 'no zeroes' | head -c 1M > disk.raw
for fault in slow-zero no-zero; do
    serve_faulty "$fault" disk.raw "$fault"
    timeout 30 qcow-io -t writeback --image-opts -c 'write -z 64k 300k' -c 'read -P 0 64k 300k' \
        -c flush "driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=$work/$fault.sock,file.reconnect-delay=10" \
        > io.log 2>&1 || fail "$fault: status $?"
    ! grep -qi 'fail' io.log || fail "$fault: the zeroes were lost"
done
