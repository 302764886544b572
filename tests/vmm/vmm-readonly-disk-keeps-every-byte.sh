#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest boots from a read-only disk, finds it read-only, and the image's file does not change.
set -euo pipefail

lab=$abs_top_srcdir/tests/vmm/lab.sh
img=${QCOW_IMG:-qcow-img}

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
mkdir disks

"$lab" guest-disk root.raw 16
"$img" convert -f raw -O qcow2 root.raw disks/disk.qcow2
cp disks/disk.qcow2 before.qcow2
cat >script <<'END'
lab-boot -a ro readonly -m 256M -smp 1 \
    -drive file=disk.qcow2,if=none,id=d0,format=qcow2,readonly=on -device virtio-blk-pci,drive=d0
END
"$lab" run disks script
cmp before.qcow2 disks/disk.qcow2
