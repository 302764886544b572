#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A qcow image of version 1 is served read-only; for writing nbdkit says that this cannot be, and its
# backing file, whose format it cannot record, is not guessed.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io nbdinfo nbdcopy

qemu-img create -q -f qcow "$work/disk.qcow" 8M
qemu-io -f qcow -c 'write -P 2 1M 100k' -c 'write -P 3 5000k 700' "$work/disk.qcow" > /dev/null
qemu-img create -q -f qcow -b disk.qcow -F qcow "$work/over.qcow"
qemu-img convert -f qcow -O raw "$work/disk.qcow" "$work/expected.raw"

serve disk qcow2 "$work/disk.qcow" format=qcow readonly=true
nbdinfo --is read-only "$uri" || fail "offered for writing"
nbdcopy "$uri" "$work/copy.raw"
stop_server
cmp "$work/expected.raw" "$work/copy.raw"

refuses 'can only be read: pass readonly=true' qcow2 "$work/disk.qcow" format=qcow
refuses 'its format is not recorded' qcow2 "$work/over.qcow" format=qcow readonly=true backing=allow
refuses 'not in qcow format' qcow2 "$work/expected.raw" format=qcow readonly=true
