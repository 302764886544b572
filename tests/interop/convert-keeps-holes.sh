#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk that is nearly all hole is copied in no time, in no space, in both directions.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

blocks() {
    stat -c %b "$1"
}

# A terabyte that had to be read or written would not be done within any test's time.
truncate -s 1T disk.raw
fill disk.raw 5000000000 100000
fill disk.raw 1099511000000 70000
timeout 60 qcow-img convert -f raw -O qcow2 disk.raw image.qcow2
clean image.qcow2
(($(stat -c %s image.qcow2) < 2 << 20)) || fail "image.qcow2 is as big as $(stat -c %s image.qcow2)"
timeout 60 qcow-img convert -f qcow2 -O raw image.qcow2 back.raw
[[ $(stat -c %s back.raw) -eq $((1 << 40)) ]] || fail "back.raw has another size than the disk"
(($(blocks back.raw) * 512 < 1 << 20)) || fail "back.raw takes $(blocks back.raw) blocks"
same_disk disk.raw raw back.raw raw

# Zeroes that are written in the source are holes in the target.
dd if=/dev/zero of=zeroes.raw bs=1M count=16 status=none
fill zeroes.raw 9000000 1000
qcow-img convert -f raw -O raw zeroes.raw copy.raw
same zeroes.raw copy.raw
(($(blocks copy.raw) <= 16)) || fail "copy.raw takes $(blocks copy.raw) blocks"
qcow-img convert -f raw -O qcow2 zeroes.raw copy.qcow2
(($(stat -c %s copy.qcow2) <= 393216)) || fail "copy.qcow2 is as big as $(stat -c %s copy.qcow2)"
