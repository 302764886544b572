#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The guest finds as many CPUs as -smp says; the disk may be named in QEMU's way, too.  While it runs
# the process is in its sandbox.
set -euo pipefail

lab=$abs_top_srcdir/tests/vmm/lab.sh
img=${QCOW_IMG:-qcow-img}

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
mkdir disks

"$lab" guest-disk root.raw 16
"$img" convert -f raw -O qcow2 root.raw disks/disk.qcow2
mark='^Seccomp:.*2' # it is entered last
if "$img" info --untrusted disks/disk.qcow2 2>&1 >/dev/null | grep 'without libseccomp'; then
    mark='^NoNewPrivs:.*1'
fi
echo "mark='$mark'" >script
cat >>script <<'END'
(
    until pid=$(pidof qcow-vmm) && grep -qs "$mark" "/proc/$pid/status"; do sleep 1; done
    grep -q '^NoNewPrivs:.*1' "/proc/$pid/status" && echo yes >sandboxed
) &
lab-boot count-1 -m 256M -smp 1 --disk disk.qcow2
lab-boot count-2 -m 256M -smp 2 \
    -drive file=disk.qcow2,if=none,id=d0,format=qcow2,cache=none -device virtio-blk-pci,drive=d0
lab-boot count-4 -m 256M -smp 4 --disk disk.qcow2
END
"$lab" run disks script
grep -qx yes disks/sandboxed
qemu-img check -q disks/disk.qcow2
