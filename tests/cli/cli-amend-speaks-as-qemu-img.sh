# SPDX-License-Identifier: BSD-3-Clause
# Amending says and does what qemu-img says and does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 a.qcow2 64M
both qemu-io -c 'write -P 1 0 1M' -c 'write -z 2M 1M' -c 'write -z -u 4M 1M' a.qcow2
both qemu-img create -f raw r.raw 1M
both qemu-img create -f qcow2 -b r.raw -F raw o.qcow2

same amend -f qcow2 -o help
same amend -o help a.qcow2
same amend -o help,size=1 a.qcow2
same amend -o help r.raw
same amend -f raw -o help
same amend -f bogus -o help
same amend -o help
same amend
same amend a.qcow2
same amend -o compat=0.10
same amend -o size=1M a.qcow2 b.qcow2
same amend -o '' a.qcow2
same amend -o , a.qcow2
same amend -o size=1 nothere
same amend -f raw -o size=1 r.raw
same amend --bogus
same amend -t bogus -o size=1M a.qcow2

for options in compat=0.9 compat=v2 compat=v3 compat=0.10,lazy_refcounts=on lazy_refcounts=maybe \
    lazy_refcounts=on refcount_bits=3 refcount_bits=0 refcount_bits=-1 refcount_bits=abc \
    refcount_bits=128 refcount_bits=0x8 size=1000 size= size=3M size=2M,size=70M backing_file=x \
    backing_fmt=raw data_file=x data_file_raw=on data_file_raw=off compression_type=zstd \
    cluster_size=4096 preallocation=off extended_l2=on encryption=off encrypt.format=luks \
    encrypt.keyslot=1 bogus=1 refcount_bits=3,bogus=1 refcount_bits=3,compat=0.1 compat=v2 \
    compat=v2,refcount_bits=16 lazy_refcounts=off refcount_bits=8 compat=v2,refcount_bits=8 \
    compat=v3,refcount_bits=64,lazy_refcounts=on size=64M compat refcount_bits=16,compat=v2; do
    same amend -o "$options" a.qcow2
done
same info a.qcow2
for options in backing_file=r.raw backing_fmt=raw backing_file=r.raw,backing_fmt=raw compat=v2; do
    same amend -o "$options" o.qcow2
done
same amend -o compat=v3 -o lazy_refcounts=on o.qcow2
same amend --force -q -o size=2M o.qcow2
same amend --image-opts -o refcount_bits=1 driver=qcow2,file.filename=o.qcow2
same info o.qcow2

# What stands in the way of version 2.
both qemu-img create -f qcow2 -o compression_type=zstd z.qcow2 8M
same amend -o compat=v2 z.qcow2
same amend -o compat=v3 z.qcow2
same info z.qcow2
both qemu-img create -f qcow2 -o compression_type=zstd y.qcow2 8M
both qemu-io -c 'write -c 0 64k' y.qcow2
same amend -o compat=v2 y.qcow2
both qemu-img snapshot -c one o.qcow2
both qemu-img resize -q o.qcow2 3M
same amend -o compat=v2,refcount_bits=16 o.qcow2
same amend -o compat=v2,refcount_bits=16,size=2M o.qcow2
same amend -o size=5M o.qcow2
same amend -o refcount_bits=8 o.qcow2
same amend -o size=5M,compat=v3 o.qcow2
same info o.qcow2

same check a.qcow2
for image in a.qcow2 o.qcow2 z.qcow2 y.qcow2; do
    qemu-img check -q "ours/$image"
    (cd ours && qemu-img compare -q "../theirs/$image" "$image")
done
cmp ours/a.qcow2 theirs/a.qcow2
finish
