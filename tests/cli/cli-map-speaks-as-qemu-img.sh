# SPDX-License-Identifier: BSD-3-Clause
# What map prints, for people and as JSON, is what qemu-img prints.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 base.qcow2 10M
both qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 128k' base.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
both qemu-io -c 'write -P 1 64k 64k' -c 'write -z 2M 1M' -c 'discard 1M 64k' top.qcow2
both qemu-img create -f qcow2 -b top.qcow2 -F qcow2 third.qcow2 20M
both qemu-io -c 'write -P 1 9M 2M' third.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 -o cluster_size=4k less.qcow2 1028k
both qemu-io -c 'write 4k 8k' -c 'write 1020k 8k' less.qcow2
both qemu-img create -f qcow2 -o compat=0.10 v2.qcow2 10M
both qemu-io -c 'write -P 1 100 1' v2.qcow2
both qemu-img create -f qcow2 empty.qcow2 0
both qemu-img create -f qcow2 -u -b gone -F qcow2 broken.qcow2 1M
both truncate -s 3000000 r.raw
printf x | dd of=theirs/r.raw bs=1 seek=2M conv=notrunc status=none
printf x | dd of=ours/r.raw bs=1 seek=2M conv=notrunc status=none
both qemu-img create -f qcow2 -b r.raw -F raw onraw.qcow2 4M
both qemu-io -c 'write 0 4k' onraw.qcow2

for image in base.qcow2 top.qcow2 third.qcow2 less.qcow2 v2.qcow2 empty.qcow2 \
    broken.qcow2 r.raw onraw.qcow2 nothere; do
    same map "$image"
    same map --output=json "$image"
done
for range in '--start-offset=1M --max-length=64k' '-s 11M' '-s 100 -l 1' '-s 100 -l 0' \
    '-s 100 -l 1000' '-s 1000' '-s 1M' '-l 2M' '--start-offset=-1' '--max-length=9E' \
    '--start-offset=zz'; do
    # shellcheck disable=SC2086
    same map $range --output=json top.qcow2
    # shellcheck disable=SC2086
    same map $range third.qcow2
done
same map
same map --output=xml base.qcow2
same map -f raw --output=json base.qcow2
finish
