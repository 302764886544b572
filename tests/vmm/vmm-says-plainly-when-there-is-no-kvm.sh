#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Without /dev/kvm, or with something else of that name, qcow-vmm says so in one sentence.
set -euo pipefail

lab=$abs_top_srcdir/tests/vmm/lab.sh

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
mkdir disks

cat >script <<'END'
refused() {
    status=0
    timeout 30 qcow-vmm -kernel /boot/vmlinuz -m 256M </dev/null >console 2>said || status=$?
    cat said
    echo "exit status $status"
    [ "$status" -eq 1 ] && [ ! -s console ] && [ "$(wc -l <said)" -eq 1 ] && grep -q /dev/kvm said
}
rm /dev/kvm
refused
mknod /dev/kvm c 1 3
refused
END
"$lab" run disks script
