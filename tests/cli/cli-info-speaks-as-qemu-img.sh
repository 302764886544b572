# SPDX-License-Identifier: BSD-3-Clause
# What info prints, for people and as JSON, is what qemu-img prints.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 base.qcow2 10M
both qemu-io -c 'write -P 1 0 64k' base.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
both qemu-img snapshot -c one top.qcow2
both qemu-img snapshot -c 'a name which is longer than its column' top.qcow2
both qemu-img create -f qcow2 -o compat=0.10 v2.qcow2 10M
both qemu-img create -f qcow2 -o cluster_size=512,refcount_bits=1 small.qcow2 1000k
both qemu-img create -f qcow2 -o cluster_size=2M,refcount_bits=64,lazy_refcounts=on large.qcow2 5G
both qemu-img create -f qcow2 -u -b gone -F qcow2 broken.qcow2 1M
both qemu-img create -f qcow2 -o compression_type=zstd,extended_l2=on features.qcow2 1M
both qemu-img create -f qcow2 -o data_file=data.raw,data_file_raw=on data.qcow2 1M
both qemu-img create -f raw r.raw 1000000
both qemu-img create -f qcow2 empty.qcow2 0
both mkdir sub
both cp base.qcow2 sub/b.qcow2
both qemu-img create -f qcow2 -b b.qcow2 -F qcow2 sub/o.qcow2
for bit in 1 2; do
    cp theirs/base.qcow2 flagged
    printf "\\x0$bit" | dd of=flagged bs=1 seek=79 conv=notrunc status=none
    both_get "flagged$bit.qcow2" <flagged
done
echo hello | both_get text
both cp base.qcow2 'a b.qcow2'

for image in base top v2 small large broken features data empty sub/o flagged1 flagged2 'a b'; do
    same info "$image.qcow2"
    same info --output=json "$image.qcow2"
done
for image in base.qcow2 top.qcow2 broken.qcow2 sub/o.qcow2 r.raw; do
    same info --backing-chain "$image"
    same info --backing-chain --output json "$image"
done
for image in r.raw text nothere . ''; do
    same info "$image"
    same info --output=json "$image"
done
same info -f raw top.qcow2
same info -f qcow2 r.raw
same info -f qcow2 base.qcow2
same info -f foo r.raw
same info file:base.qcow2
same info foo:bar
same info ./foo:bar
same info -U base.qcow2
same info --object secret,id=s,data=x base.qcow2
finish
