#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --image-opts understands the dotted keys that people use, and refuses the others as qemu-img does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 base.qcow2 10M
both qemu-io -c 'write -P 1 0 64k' base.qcow2
both cp base.qcow2 other.qcow2
both qemu-io -c 'write -P 9 0 64k' other.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
both cp base.qcow2 'a,b.qcow2'

for names in driver=qcow2,file.filename=base.qcow2 file.filename=base.qcow2 \
    driver=raw,file.filename=base.qcow2 driver=qcow2,file.driver=file,file.filename=base.qcow2 \
    filename=base.qcow2 driver=qcow2,file.filename=nothere driver=qcow2 \
    driver=foo,file.filename=base.qcow2 driver=qcow2,file.filename=base.qcow2,foo=bar \
    base.qcow2 driver=qcow2,file.filename=a,,b.qcow2; do
    same info --image-opts "$names"
    same info --output=json --image-opts "$names"
done
same map --image-opts driver=qcow2,file.filename=top.qcow2
same check --image-opts driver=qcow2,file.filename=top.qcow2
same_io --image-opts -c 'read -P 1 0 64k' driver=qcow2,file.filename=top.qcow2
same_io --image-opts -c 'read -P 9 0 64k' \
    driver=qcow2,file.filename=top.qcow2,backing.driver=qcow2,backing.file.filename=other.qcow2
same_io --image-opts -c 'read -P 1 0 64k' -c 'discard 0 64k' \
    driver=qcow2,discard=unmap,cache.direct=off,l2-cache-size=1M,file.filename=base.qcow2
same_io --image-opts -f qcow2 -c length driver=qcow2,file.filename=base.qcow2
finish
