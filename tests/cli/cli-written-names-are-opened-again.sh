#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The name of a backing or data file that a verb records is one that the next verb opens: "file:NAME"
# means what QEMU has it mean, json: is refused before anything changes, but with -u written as given.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

refused() {
    status=0
    qcow-img "$@" >out 2>err || status=$?
    [ $status -eq 1 ] || fail "$*: status $status"
    grep -q 'json: in images are not read\|not a plain file name\|is the image itself' err || fail "$*: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "$*: $(cat err)"
}

# Of two files of one name the one in the working directory is meant.
mkdir d
qcow-img create -q -f qcow2 base.q 1M
qcow-io -c 'write -q -P 7 0 1M' base.q
qcow-img create -q -f qcow2 d/base.q 1M
cp base.q a:b
for name in base.q "$work/base.q" a:b; do
    qcow-img create -q -f qcow2 -b "file:$name" -F qcow2 d/created.q
    qcow-img convert -O qcow2 -B "file:$name" -F qcow2 base.q d/converted.q
    qcow-img create -q -f qcow2 -b "$work/base.q" -F qcow2 d/rebased.q
    qcow-img rebase -b "file:$name" -F qcow2 d/rebased.q
    for image in d/created.q d/converted.q d/rebased.q; do
        qcow-img info $image | grep -qxF "backing file: file:$name" || fail "$image: $name"
        qcow-img compare -q base.q $image || fail "$image above file:$name is another disk"
        qcow-img info --backing-chain $image | grep -qxF "image: $name" || fail "chain: $name"
        ! command -v qemu-img >/dev/null || qemu-img compare -q base.q $image || fail "in QEMU: $image"
    done
done
qcow-io -c 'write -q -P 9 0 64k' d/rebased.q
qcow-img commit -q -b file:a:b d/rebased.q
qcow-io -c 'read -P 9 0 64k' ./a:b | grep -q '65536/65536' || fail "nothing was committed"
if qcow-img create -q -f qcow2 -u -b file:d/self.q -F qcow2 d/self.q 1M 2>err; then
    fail "an image is its own backing file"
fi
if qcow-img map --untrusted d/created.q >out 2>err; then
    fail "--untrusted opens file:"
fi

# A data file: the plain name is recorded.
qcow-img create -f qcow2 -o data_file=file:x.raw x.q 1M | grep -q data_file=file:x.raw
qcow-img info x.q | grep -qxF '    data file: x.raw' || fail "the data file is recorded otherwise"
qcow-img convert -O qcow2 -o data_file=file:y.raw base.q y.q
qcow-img compare -q base.q y.q
qcow-img amend -o data_file=file:y.raw y.q
qcow-img info y.q | grep -qxF '    data file: y.raw' || fail "amend records the data file otherwise"
cp y.raw ./c:d
qcow-img amend -o data_file=file:c:d y.q
! command -v qemu-img >/dev/null || qemu-img compare -q base.q y.q || fail "not found by QEMU"
sum=$(md5sum y.q)
refused amend -o 'data_file=json:{}' y.q
refused amend -o data_file=nbd://host/x y.q
refused amend -o data_file=file: y.q
refused amend -o data_file=y.q y.q
refused amend -o data_file=file:./y.q y.q
refused amend --image-opts -o data_file=file:y.q file.filename=y.q
[ "$sum" = "$(md5sum y.q)" ] || fail "a refused amend changes the image"

# json:
json='json:{"driver":"qcow2","file":{"driver":"file","filename":"base.q"}}'
qcow-img create -q -f qcow2 -b base.q -F qcow2 top.q
sum=$(md5sum top.q)
refused rebase -b "$json" -F qcow2 top.q
refused create -f qcow2 -b "$json" -F qcow2 top.q
refused create -f qcow2 -o "backing_file=${json//,/,,},backing_fmt=qcow2" top.q
refused convert -O qcow2 -B "$json" -F qcow2 base.q top.q
[ "$sum" = "$(md5sum top.q)" ] || fail "what is refused changes the image"
qcow-img rebase -u -b "$json" -F qcow2 top.q
qcow-img info top.q | grep -qF "backing file: json:" || fail "-u does not write as it is told"
