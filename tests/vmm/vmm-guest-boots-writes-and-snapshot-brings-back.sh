#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An unmodified Debian kernel boots from an overlay over its base and writes a file.  The file is
# seen from outside and by the next boot; after going back to a snapshot neither sees it.
set -euo pipefail

lab=$abs_top_srcdir/tests/vmm/lab.sh
img=${QCOW_IMG:-qcow-img}

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
mkdir disks

step() {
    echo "== $*"
}

boot_to() {
    step "a guest boots to $1"
    echo "lab-boot $1 -m 256M -smp 2 --disk overlay.qcow2" >script
    "$lab" run disks script
}

# What QEMU and e2fsprogs find in the overlay, and what we copy out of it.
look_from_outside() {
    "$img" check disks/overlay.qcow2
    qemu-img check -q disks/overlay.qcow2
    "$img" convert -f qcow2 -O raw disks/overlay.qcow2 seen.raw
    qemu-img compare -q -f qcow2 -F raw disks/overlay.qcow2 seen.raw
    e2fsck -fn seen.raw >e2fsck.log 2>&1 || { cat e2fsck.log; fail "the file system is damaged"; }
    cmp base.before disks/base.qcow2
}

work_is_there() {
    [ "$(debugfs -R 'cat /data/note' seen.raw 2>/dev/null)" = "written by the guest" ] &&
        debugfs -R 'dump /data/copy copy' seen.raw 2>/dev/null &&
        debugfs -R 'dump /data/random random' seen.raw 2>/dev/null &&
        cmp copy random
}

work_is_gone() {
    debugfs -R 'stat /data/note' seen.raw 2>&1 | grep -q 'File not found' &&
        debugfs -R 'stat /data/copy' seen.raw 2>&1 | grep -q 'File not found'
}

step "an overlay over its base, with a snapshot"
"$lab" guest-disk root.raw
"$img" convert -f raw -O qcow2 root.raw disks/base.qcow2
cp disks/base.qcow2 base.before
(cd disks && "$img" create -f qcow2 -b base.qcow2 -F qcow2 overlay.qcow2)
"$img" snapshot -c clean disks/overlay.qcow2

boot_to write
look_from_outside
work_is_there || fail "what the guest wrote is not seen from outside"

boot_to see
look_from_outside
work_is_there || fail "what the guest wrote is not seen from outside after the second boot"

step "back to the snapshot"
"$img" snapshot -a clean disks/overlay.qcow2
look_from_outside
work_is_gone || fail "what the guest wrote is still there after going back"

boot_to miss
look_from_outside
work_is_gone || fail "what the guest wrote is there again after the third boot"
