#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Dotted keys and "json:" name every layer of an image, the backing file's, too; names that stand in
# an image are never read that way.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 base.qcow2 2M
both qemu-io -c 'write -P 1 0 64k' base.qcow2
both cp base.qcow2 other.qcow2
both qemu-io -c 'write -P 9 0 64k' other.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 middle.qcow2
both qemu-io -c 'write -P 2 64k 64k' middle.qcow2
both qemu-img create -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
both cp top.qcow2 bare.qcow2
both qemu-img rebase -u -b base.qcow2 -F raw bare.qcow2
both truncate -s 1M disk.raw

same_read() {
    same_io -r --image-opts -c "read -P 9 0 512" -c "read -P 1 0 512" -c "read -P 2 64k 512" "$1"
    same map --image-opts "$1"
}

# the backing file: another one, another format, none, one of its own
for keys in \
    backing.driver=qcow2,backing.file.filename=other.qcow2 \
    backing.file.filename=other.qcow2 backing.file.driver=file,backing.file.filename=other.qcow2 \
    backing.driver=raw backing.driver=qcow2 backing=none \
    backing.driver=foo backing.file.filename=nothere; do
    same_read "driver=qcow2,file.filename=top.qcow2,$keys"
    same_read "file.filename=bare.qcow2,$keys"
    same_read "driver=raw,file.filename=top.qcow2,$keys"
done
for keys in backing.foo=1 backing.backing.driver=foo \
    backing.backing.driver=qcow2,backing.backing.file.filename=other.qcow2; do
    same_read "file.filename=top.qcow2,$keys"
    same_read "file.filename=top.qcow2,backing.file.filename=middle.qcow2,$keys"
done
same_read file.filename=top.qcow2,backing.backing.file.filename=other.qcow2

# what formats and files take
for keys in driver=qcow2,lazy-refcounts=off,cache-size=1M driver=qcow2,overlap-check=all \
    driver=qcow2,overlap-check=foo driver=qcow2,overlap-check.template=none \
    driver=qcow2,l2-cache-size=64k,l2-cache-entry-size=4k driver=qcow2,l2-cache-size=x \
    driver=qcow2,pass-discard-request=off,pass-discard-snapshot=on,pass-discard-other=on \
    driver=qcow2,cache-clean-interval=3 driver=qcow2,file.locking=off driver=qcow2,file.locking=x \
    driver=qcow2,file.aio=threads driver=qcow2,file.aio=x driver=qcow2,file.foo=1 \
    driver=qcow2,file.read-only=on driver=qcow2,read-only=on,auto-read-only=on \
    driver=qcow2,read-only=x driver=raw,lazy-refcounts=on driver=raw,file.driver=file \
    driver=qcow2,file.driver=raw driver=qcow2,file.driver=foo node-name=x driver=qcow2,discard=x; do
    same info --image-opts "$keys,file.filename=middle.qcow2"
done
same info --image-opts driver=qcow2,file.driver=raw,file.file.filename=middle.qcow2,file.foo=x
same_io -r --image-opts -c length driver=file,filename=disk.raw
same_io -r --image-opts -c length driver=file
same_io -r --image-opts -c length driver=file,filename=disk.raw,foo=1
same_io -r --image-opts -c length file.filename=disk.raw
same_io -r --image-opts -c length file=disk.raw
same_io -r --image-opts -c length driver=qcow2,file=disk.raw

# JSON says the same
for json in '{"driver":"qcow2","file":{"driver":"file","filename":"top.qcow2"}}' \
    '{"file":{"filename":"top.qcow2"}}' '{"driver":"qcow2","file.filename":"top.qcow2"}' \
    '{"driver":"qcow2","file":{"filename":"top.qcow2"},"backing":null}' \
    '{"driver":"qcow2","file":{"filename":"top.qcow2"},"backing":{"driver":"qcow2","file":{"filename":"other.qcow2"}}}' \
    '{"driver":"qcow2","file":{"filename":"top.qcow2"},"read-only":true,"l2-cache-size":65536}' \
    '{"driver":"qcow2","file":{"filename":"top.qcow2"},"foo":"x"}' \
    '{"driver":"foo","file":{"filename":"top.qcow2"}}' '{"driver":"qcow2"}' '{}' '[]' \
    '{"driver":"qcow2","file":{"driver":"file"}}' '{"file":"top.qcow2"}' \
    '{"driver":"file","filename":"nothere"}'; do
    same_io -r -c "read -P 9 0 512" "json:$json"
    same map "json:$json"
done
same map 'json:{"driver":"raw","file":{"filename":"top.qcow2"},"backing":null}'
same map 'json:{"driver":"qcow2","file":{"filename":"top.qcow2"},"backing":{"backing":null}}'
same map -f raw 'json:{"file":{"filename":"top.qcow2"}}'
same map -f qcow2 'json:{"file":{"filename":"top.qcow2"}}'
same convert -O raw 'json:{"driver":"qcow2","file":{"filename":"top.qcow2"}}' out.raw
same compare out.raw top.qcow2

# written names in which an image hides keys are just names
both qemu-img rebase -u -F qcow2 -b 'json:{"file":{"filename":"base.qcow2"}}' top.qcow2
cd ours
if qcow-img map top.qcow2 2>err; then
    echo "a name inside an image was read as JSON"
    exit 1
fi
grep -q 'not a plain file name' err
if qcow-img info --backing-chain top.qcow2 >/dev/null 2>err; then
    echo "info followed a name inside an image as JSON"
    exit 1
fi
grep -q 'No such file' err
cd ..
finish
