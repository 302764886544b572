#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An L1 table that names one L2 table thousands of times makes a disk of terabytes out of a file of some
# hundred KiB.  Who would walk that disk refuses the image at once; who only looks at the file does not,
# and takes no longer.  That two entries name one table is no reason to refuse.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img

fail() { echo "FAIL: $*"; head -c 1000 out; exit 1; }
within() { # STATUS COMMAND...: ten seconds of the processor's
    local status=0 expected=$1
    shift
    (ulimit -t 10; exec "$@") >out 2>&1 || status=$?
    [ $status = "$expected" ] || fail "status $status of $*"
}
refused() { # STATUS COMMAND...
    within "$@"
    grep -q 'names 32768 L2 tables, but only 1 different ones, and the file has room for .* clusters' out || fail "$* says otherwise"
}

qemu-img create -q -f qcow2 disk 16T
qemu-io -f qcow2 -c 'write -P 1 0 64k' -c 'write -P 1 128k 64k' disk >/dev/null
l1=$((16#$(od -An -v -tx1 -j 40 -N 8 disk | tr -d ' \n')))
dd if=disk of=entry bs=1 skip=$l1 count=8 status=none
cp disk twice
dd if=entry of=twice bs=1 seek=$((l1 + 8)) conv=notrunc status=none
for _ in $(seq 15); do cat entry entry >more; mv more entry; done
dd if=entry of=disk bs=1M oflag=seek_bytes seek=$l1 conv=notrunc status=none

qemu-img create -q -f qcow2 other 16T
refused 1 qcow-img map disk
refused 1 qcow-img map --output=json disk
refused 1 qcow-img convert -O qcow2 disk target
refused 2 qcow-img compare disk other
refused 1 qcow-img measure -O qcow2 disk
refused 1 qcow-img snapshot -c one disk
refused 1 qcow-img resize disk +1G
refused 1 qcow-io -r -c 'read 0 512' disk
within 0 qcow-img info disk
within 2 qcow-img check disk
within 0 qcow-img snapshot -l disk

within 0 qcow-img map twice
within 0 qcow-io -r -c 'read -P 1 0 64k' -c 'read -P 1 512M 64k' -c 'read -P 0 1G 64k' twice
! grep -q failed out || fail "two entries that name one table are not read"
