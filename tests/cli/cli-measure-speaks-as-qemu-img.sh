# SPDX-License-Identifier: BSD-3-Clause
# What measure says, of sizes and of images, and what it refuses, is what qemu-img says and refuses.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 empty.qcow2 10M
both qemu-img create -f qcow2 base.qcow2 10M
both qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 300k' -c 'write -z 5M 1M' base.qcow2
both qemu-img snapshot -c one base.qcow2
both qemu-io -c 'write -P 3 4M 3M' base.qcow2
both qemu-img snapshot -c 1 base.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2 20M
both qemu-io -c 'write -P 4 9M 2M' -c 'write -z 1M 64k' -c 'discard 4M 1M' top.qcow2
both qemu-img create -f qcow2 -o cluster_size=4k small.qcow2 5M
both qemu-io -c 'write -P 1 4k 4k' -c 'write -P 2 68k 8k' -c 'write -P 3 3M 64k' small.qcow2
both qemu-img create -f qcow2 -o compat=0.10 v2.qcow2 3M
both truncate -s 3000001 holes.raw
for twin in theirs ours; do
    for at in 0 1M 2000k; do
        printf x | dd of=$twin/holes.raw bs=1 seek=$at conv=notrunc status=none
    done
done

# Sizes: the metadata depends on the width of clusters and refcounts, and on little else.
for size in 0 1 1000 1M 1000001 1G 10G 1T 3000G; do
    for cluster in 512 4k 64k 2M; do
        [[ $cluster-$size = 512-*[GT] && $size != 1G ]] && continue
        for bits in 1 16 64; do
            same measure -O qcow2 -o cluster_size=$cluster,refcount_bits=$bits --size $size
        done
    done
done
for mode in off metadata falloc full; do
    same measure -O qcow2 -o preallocation=$mode --size 1G
    same measure -O qcow2 -o preallocation=$mode,cluster_size=4k --output=json top.qcow2
done
for options in compat=0.10 compat=1.1 lazy_refcounts=on size=5M backing_file=nothere \
    backing_file=nothere,backing_fmt=raw compression_type=zstd nocow=on,extent_size_hint=1M; do
    same measure -O qcow2 -o "$options" --size 10M
    same measure -O qcow2 -o "$options" top.qcow2
done
same measure -O qcow2 -o cluster_size=4k -o refcount_bits=1 --size 10M
for size in 0 1 1000 1.5k +1k 64P 7E 8E foo -1 ''; do
    same measure --size "$size"
    same measure --size="$size" --output json
done
same measure --size 64P -O qcow2 -o cluster_size=2M
same measure --size 0 --size 1M
same measure --size 1M -U

# Images.
for image in empty.qcow2 base.qcow2 top.qcow2 small.qcow2 v2.qcow2 holes.raw; do
    same measure "$image"
    same measure -O raw --output=json "$image"
    for options in cluster_size=64k cluster_size=4k cluster_size=512,refcount_bits=1 \
        cluster_size=2M,refcount_bits=64 compat=0.10; do
        same measure -O qcow2 -o "$options" "$image"
        same measure -O qcow2 -o "$options" --output=json "$image"
    done
done
same measure -f raw -O qcow2 base.qcow2
same measure -f qcow2 -U -O qcow2 base.qcow2
same measure --image-opts -O qcow2 driver=qcow2,file.filename=base.qcow2
same measure --object secret,id=s,data=x --size 1M

# Snapshots.
for snapshot in one 1 2 3 '' , two snapshot.id=1 snapshot.id=3 snapshot.name=one snapshot.name=1 \
    snapshot.id=1,snapshot.name=one snapshot.id=2,snapshot.name=one snapshot.foo=1; do
    same measure -l "$snapshot" -O qcow2 base.qcow2
done
same measure -l one base.qcow2
same measure -l one nothere

# Refusals.
same measure
same measure -f qcow2
same measure -l one
same measure --size 1M base.qcow2
same measure --size 1M -f qcow2
same measure --size 1M -l one
same measure --size 1M --image-opts
same measure base.qcow2 top.qcow2
same measure --size 1M base.qcow2 top.qcow2
same measure -o cluster_size=4k
same measure -f foo base.qcow2
same measure --image-opts -f qcow2 base.qcow2
same measure nothere
same measure ''
same measure -O foo nothere
same measure -O foo base.qcow2
same measure -O foo --size 1M
same measure -O '' --size 1M
same measure --output=xml --size 1M
same measure -O raw -o cluster_size=4k --size 1M
for options in foo=bar cluster_size=100 cluster_size=x cluster_size=4M refcount_bits=3 , ,x \
    lazy_refcounts=maybe; do
    same measure -O qcow2 -o "$options" --size 1M
    same measure -O qcow2 -o "$options" nothere
done
finish
