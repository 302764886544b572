# SPDX-License-Identifier: BSD-3-Clause
# Resizing says and does what qemu-img says and does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 rs.qcow2 10M
both qemu-io -c 'write -P 1 0 64k' rs.qcow2
both qemu-img create -f qcow2 -o compat=0.10 v2.qcow2 10M
both qemu-img create -f qcow2 s.qcow2 10M
both qemu-img snapshot -c one s.qcow2
both qemu-img create -f raw r.raw 1M

for size in 20M +5M -5M 1000 -100M 30000001 foo +foo '' + 9E +0 -0 0 5M +512 20971520; do
    same resize rs.qcow2 "$size"
done
same resize -q rs.qcow2 +1M
same resize --shrink rs.qcow2 -100M
same resize --shrink rs.qcow2 0
same resize rs.qcow2
same resize
same resize rs.qcow2 a b
same resize 10M rs.qcow2
same resize --foo rs.qcow2 1M
same resize nothere 10M
same resize --image-opts driver=qcow2,file.filename=rs.qcow2 40M
same resize --preallocation=foo rs.qcow2 10M
same resize --preallocation=metadata rs.qcow2 10M
same resize --preallocation=off rs.qcow2 50M
same resize --shrink --preallocation=off rs.qcow2 45M
same resize --shrink --preallocation=full rs.qcow2 40M
same resize --preallocation=falloc rs.qcow2 +0
same resize --preallocation rs.qcow2 60M
same resize --shrink rs.qcow2 44M
same resize --shrink rs.qcow2 100
same resize v2.qcow2 20M
same resize s.qcow2 20M
same info s.qcow2
same resize -f raw r.raw 3M
same resize -f raw r.raw 1M
same resize --shrink -f raw r.raw 1M
same resize -f raw r.raw 1048577
same resize r.raw 2M

for image in rs.qcow2 v2.qcow2 s.qcow2; do
    same info "$image"
    same check "$image"
done
for image in rs.qcow2 s.qcow2; do
    qemu-img check -q "ours/$image"
    qemu-img compare -q "theirs/$image" "ours/$image"
done

# Shrinking allocates no L2 tables here, so that the end of the image may differ.
for image in v2.qcow2 s.qcow2; do
    same resize --shrink "$image" 5M
    same info "$image"
    qemu-img check -q "ours/$image"
    qemu-img compare -q "theirs/$image" "ours/$image"
done
finish
