# SPDX-License-Identifier: BSD-3-Clause
# Creating, listing, applying and deleting snapshots says and does what qemu-img says and does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 s.qcow2 4M
both qemu-io -c 'write -P 1 0 256k' s.qcow2
both qemu-img create -f raw r.raw 1M
both qemu-img create -f qcow2 -u -b gone -F qcow2 broken.qcow2 1M

same snapshot -l s.qcow2
same snapshot s.qcow2
same snapshot -c first s.qcow2
both qemu-io -c 'write -P 2 64k 256k' s.qcow2
same snapshot -c first s.qcow2
same snapshot -c 1 s.qcow2
same snapshot -q -c 'with spaces' s.qcow2
same snapshot -c averyveryveryverylongsnapshotname s.qcow2
same snapshot -c '' s.qcow2
same snapshot -l s.qcow2
same snapshot -U -l s.qcow2
same snapshot --image-opts -l driver=qcow2,file.filename=s.qcow2
same snapshot -a 1 s.qcow2
same snapshot -a first s.qcow2
same snapshot -a nope s.qcow2
same snapshot -d first s.qcow2
same snapshot -l s.qcow2
same snapshot -d 2 s.qcow2
same snapshot -d nope s.qcow2
same snapshot -d 1 s.qcow2
same snapshot -l s.qcow2
same map --output=json s.qcow2
same check s.qcow2
same_io -c 'read -vq 0 64' -c 'read -P 1 0 64k' s.qcow2

same snapshot -c x -d y s.qcow2
same snapshot -l -l s.qcow2
same snapshot
same snapshot -c
same snapshot a s.qcow2
same snapshot -c x nothere
same snapshot -U -c x s.qcow2
same snapshot -l r.raw
same snapshot -d x r.raw

for image in theirs/s.qcow2 ours/s.qcow2; do
    qemu-img check -q "$image"
done
qemu-img compare -q theirs/s.qcow2 ours/s.qcow2
finish
