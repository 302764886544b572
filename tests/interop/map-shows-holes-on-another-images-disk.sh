#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Of an image that was preallocated and lies on the disk of another image, map shows which clusters
# were never written, as qemu-img does.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in qemu-img qemu-io; do
    command -v "$tool" > /dev/null || { echo "$tool is not installed"; exit 77; }
done
cd "$work"

layers=driver=qcow2,file.driver=qcow2,file.file.filename=outer.qcow2
qemu-img create -q -f qcow2 -o preallocation=metadata inner.qcow2 4M
qemu-img create -q -f qcow2 outer.qcow2 8M
qemu-img convert -n -f raw -O qcow2 inner.qcow2 outer.qcow2
for at in 64k 1M 1600k 3M; do
    qemu-io --image-opts -c "write -P 7 $at 64k" "$layers" > /dev/null
done
qemu-img map --output=json --image-opts "$layers" > theirs
qcow-img map --output=json --image-opts "$layers" > ours
[[ $(wc -l < theirs) -gt 5 ]] || { echo "nothing to be shown"; exit 1; }
diff theirs ours
