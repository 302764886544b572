#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A server that answers a read with less than was asked for is not believed: no byte is what the
# memory held before.  Parts may come in any order.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need python3

cd "$work"
{
    head -c 1M /dev/urandom
    head -c 1M /dev/zero
    head -c 1000k /dev/urandom
} > disk.raw

for fault in half none twice; do
    serve_faulty "$fault" disk.raw "$fault"
    status=0
    qcow-img convert -f raw -O raw "$uri" out.raw 2> convert.log || status=$?
    [[ $status -eq 1 ]] || fail "$fault: convert ends with $status"
    grep -q "the answer of the server is not complete" convert.log || fail "$fault: convert's words"
    status=0
    qcow-io -r -f raw -c 'read -v 0 4k' "$uri" > io.log 2>&1 || status=$?
    [[ $status -eq 1 ]] || fail "$fault: qcow-io ends with $status"
    ! grep -q '^0000' io.log || fail "$fault: bytes that never came are shown"
done

serve_faulty backwards disk.raw backwards
qcow-img convert -f raw -O raw "$uri" out.raw
cmp disk.raw out.raw || fail "parts that come backwards are put together wrongly"
qcow-io -r -f raw -c 'read 12345 7' -c 'read 1048575 2' "$uri" > io.log || fail "short reads"
