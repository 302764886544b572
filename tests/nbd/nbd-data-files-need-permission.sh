#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An image with an external data file is not served unless external-data=allow is given or the file is
# named, and the refusal says so.  What clients write goes there, and qemu-img reads it.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io

cd "$work"
qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on disk.qcow2 4M
identity data.raw > before

refuses 'pass external-data=allow if you trust the image' qcow2 disk.qcow2
refuses 'pass external-data=allow if you trust the image' qcow2 disk.qcow2 backing=allow
refuses 'pass external-data=allow if you trust the image' -r qcow2 disk.qcow2
grep -q data.raw refused.log || fail "the refusal does not name the data file"
refuses 'expected external-data=refuse|allow' qcow2 disk.qcow2 external-data=yes
identity data.raw | diff before - || fail "the data file has changed"

serve served qcow2 disk.qcow2 external-data=allow
qemu-io -f raw -c 'write -P 1 0 1M' -c 'write -P 2 1000000 70000' -c 'write -z 128k 64k' \
    -c 'discard 256k 64k' -c 'read -P 0 128k 64k' -c 'read -P 0 256k 64k' "$uri" > /dev/null
stop_server
clean disk.qcow2
qemu-img compare -q -f qcow2 -F raw disk.qcow2 data.raw || fail "the raw data file is not the disk"
qemu-io -r -f raw -c 'read -P 2 1000000 70000' data.raw > /dev/null

# The file that the user names, wherever it is.
mkdir elsewhere
mv data.raw elsewhere/moved
refuses 'data.raw' qcow2 disk.qcow2 external-data=allow
serve moved qcow2 disk.qcow2 data-file=elsewhere/moved
qemu-io -f raw -c 'read -P 2 1000000 70000' "$uri" > /dev/null
stop_server
qemu-img create -q -f qcow2 plain.qcow2 1M
refuses "'data-file' can only be set for images with an external data file" \
    qcow2 plain.qcow2 data-file=elsewhere/moved

# Beside a backing file each is allowed for itself.
qemu-img create -q -f qcow2 -o data_file=over.raw -b plain.qcow2 -F qcow2 over.qcow2
refuses 'pass backing=allow' qcow2 over.qcow2 external-data=allow
serve both qcow2 over.qcow2 external-data=allow backing=allow
qemu-io -f raw -c 'write -P 7 64k 64k' "$uri" > /dev/null
stop_server
clean over.qcow2
