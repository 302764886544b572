#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# qcow images of version 1 that QEMU wrote: read, described, mapped, compared, converted and measured
# as by qemu-img; alone, compressed, as overlay and as backing file.  Never written.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow plain.qcow 10M
both qemu-io -f qcow -c 'write -P 1 0 64k' -c 'write -P 2 1M 3k' -c 'write -P 3 5000k 1' \
    -c 'write -z 2M 64k' plain.qcow
# QEMU 7.2 writes the compressed image and then ends with status 1, without a word.
for folder in theirs ours; do
    (cd $folder && qemu-img convert -c -O qcow plain.qcow packed.qcow) || true
    qemu-img compare -q $folder/plain.qcow $folder/packed.qcow
done
both qemu-img create -f qcow -b plain.qcow -F qcow over.qcow 12M
both qemu-io -f qcow -c 'write -P 9 32k 40k' -c 'write -P 8 11M 700' over.qcow
both qemu-img create -f qcow2 -b over.qcow -F qcow top.qcow2
both qemu-io -c 'write -P 7 64k 64k' -c 'write -z 1M 64k' top.qcow2
both qemu-img create -f qcow -b top.qcow2 -F qcow2 upon.qcow
both qemu-img create -f qcow -u -b gone -F qcow broken.qcow 1M
both qemu-img create -f qcow odd.qcow 1000000

for image in plain.qcow packed.qcow over.qcow top.qcow2 upon.qcow broken.qcow odd.qcow; do
    same info "$image"
    same info --output=json "$image"
    same info --backing-chain "$image"
    case $image in
    packed.qcow) ;; # what is printed before the refusal comes in another order
    broken.qcow) ;; # QEMU's check opens the backing file
    *)
        same map "$image"
        same check "$image"
        same snapshot -l "$image"
        ;;
    esac
    same map --output=json "$image"
    same measure -O qcow2 "$image"
    same compare "$image" plain.qcow
    same convert -O raw "$image" out.raw
    if [ -e theirs/out.raw ]; then
        cmp theirs/out.raw ours/out.raw
        rm theirs/out.raw ours/out.raw
    fi
done
# No such image records its backing file's format, and content proves none to be raw: it has to be named.
both qemu-img create -f raw base.raw 8M
both qemu-io -f raw -c 'write -P 3 0 8M' base.raw
both qemu-img create -f qcow -b base.raw -F raw raw.qcow 8M
both qemu-io --image-opts -c 'write -P 4 1M 3k' \
    driver=qcow,file.filename=raw.qcow,backing.driver=raw,backing.file.filename=base.raw
same convert --image-opts -O raw \
    driver=qcow,file.filename=raw.qcow,backing.driver=raw,backing.file.filename=base.raw out.raw
cmp theirs/out.raw ours/out.raw
same info -f qcow top.qcow2
same info -f qcow2 plain.qcow
same map --output=json --image-opts driver=qcow,file.filename=packed.qcow
same create -f qcow2 -b plain.qcow -F qcow new.qcow2
cmp theirs/new.qcow2 ours/new.qcow2
same measure -O qcow --size 1M

# Writing is refused, and leaves no trace.
cp ours/plain.qcow before
refused() {
    if qcow-img "$@" >out 2>&1; then
        echo "not refused: qcow-img $*"
        exit 1
    fi
    grep -q "$expected" out || {
        echo "qcow-img $* says:"
        cat out
        exit 1
    }
    cmp before ours/plain.qcow
}
expected='can only be read'
refused resize ours/plain.qcow 20M
refused snapshot -c a ours/plain.qcow
expected="does not support image creation"
refused create -f qcow new.qcow 1M
refused convert -O qcow ours/plain.qcow new.qcow
[ ! -e new.qcow ]
finish
