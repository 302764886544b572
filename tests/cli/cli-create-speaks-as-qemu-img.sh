# SPDX-License-Identifier: BSD-3-Clause
# What create says, on success and on failure, is what qemu-img says.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 a.qcow2 1000
both qemu-img create -f raw r.raw 10M

# Sizes.
for size in 10M 1000 0 1.5M 0.1k 0.4999k 1.0015k .5k 5.k 1.M 1.5b 1.5.5k 0x1.8k 0x 010 1,5k 15E 16E 1k 1K 1b 0x1000 0x1000k ' 12k' +12k 12k_ 1KB 1.5 1e3 '' x 9E 7E 8E -1; do
    same create -f qcow2 b.qcow2 "$size"
done
same create -f qcow2 b.qcow2
same create -f qcow2
same create -f qcow2 b.qcow2 10M 20
same create -f qcow2 -o size=5M b.qcow2
same create -f qcow2 -o size=5M b.qcow2 6M
same create -f qcow2 -o size=5M,size=4M b.qcow2
same create -f qcow2 -o size=x b.qcow2
same create -f qcow2 -o cluster_size=2M b.qcow2 1P
same create -f qcow2 -o cluster_size=512 b.qcow2 1T

# Options.
for options in \
    cluster_size=4k cluster_size=100 cluster_size=abc cluster_size=4M \
    refcount_bits=1 refcount_bits=64 refcount_bits=3 refcount_bits=128 refcount_bits=x \
    refcount_bits=0x10 compat=0.10 compat=v2 compat=v3 compat=1.1 compat=3 \
    lazy_refcounts=maybe lazy_refcounts nolazy_refcounts lazy_refcounts=on \
    compat=0.10,lazy_refcounts=on compat=0.10,refcount_bits=8 \
    preallocation=foo preallocation=off compression_type=foo \
    nocow=off,extent_size_hint=1M cluster_size=1M,refcount_bits=8,compat=1.1,lazy_refcounts=on \
    foo=bar =x , cluster_size=64k, ,cluster_size=64k '' encryption=off; do
    same create -f qcow2 -o "$options" b.qcow2 10M
done
same create -f qcow2 -o size=5M -o cluster_size=1M b.qcow2

# Raw.
same create -f raw r2.raw 1000
same create r2.raw 10M
same create r2.raw
same create -f raw -o preallocation=off,nocow=off,extent_size_hint=64k,size=4k r2.raw
same create -f raw -o cluster_size=4k r2.raw 1M
same create -f raw -b a.qcow2 -F qcow2 r2.raw 1M
same create -f raw -F qcow2 r2.raw 1M
same create -f foo r2.raw 1M

# Backing files.
# (QEMU leaves out the newline behind its second line.)
same create -f qcow2 b.qcow2 -b a.qcow2 -F qcow2
same create -f qcow2 b.qcow2 -b a.qcow2 -F qcow2 20M
same create -f qcow2 -o backing_file=a.qcow2,backing_fmt=qcow2,compat=0.10 b.qcow2 20M
same create -f qcow2 b.qcow2 -b nothere -F qcow2
same create -f qcow2 b.qcow2 -b nothere -F qcow2 10M
same create -f qcow2 b.qcow2 -u -b nothere -F qcow2 10M
same create -f qcow2 b.qcow2 -u -b nothere -F qcow2
same create -f qcow2 b.qcow2 -u -b nothere 10M
same create -f qcow2 b.qcow2 -b '' 1M
same create -f qcow2 b.qcow2 -b b.qcow2 -F qcow2 1M
same create -f qcow2 b.qcow2 -b a.qcow2 -F foo 1M
same create -f qcow2 b.qcow2 -F qcow2 1M
same create -f qcow2 b.qcow2 -b a.qcow2 -F raw
same create -f qcow2 b.qcow2 -b r.raw -F raw
same create -f qcow2 b.qcow2 -b r.raw -F qcow2
same create -f qcow2 -o backing_file=a.qcow2,,x b.qcow2 1M
same create -f qcow2 -b a.qcow2 -F qcow2 -o backing_file=c.qcow2 b.qcow2 1M
same create -f qcow2 -u -b a -F foofmt b.qcow2 1M

# Names.
same create -q -f qcow2 q.qcow2 1M
same create -f qcow2 "a b'c.qcow2" 1M
same create -f qcow2 'a,b=c.qcow2' 1M
same create -f qcow2 -b 'a,b=c.qcow2' -F qcow2 x.qcow2
same create -f qcow2 /nonexistent/x.qcow2 1M
same create -f qcow2 /tmp 1M
same create -f qcow2 '' 1M
same create --object secret,id=s,data=x -f qcow2 b.qcow2 1M
same create --object foo -f qcow2 b.qcow2 1M

# Help on options.
same create -f qcow2 -o help
same create -o help
same create -f raw -o help b.raw 1M
same create -f qcow2 -o cluster_size=3,help b.qcow2
same create -f qcow2 -o '?' b.qcow2
same create -f foo -o help
finish
