# SPDX-License-Identifier: BSD-3-Clause
# Rebasing says and does what qemu-img says and does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f raw b.raw 1M
both qemu-io -f raw -c 'write -P 5 0 300k' b.raw
both qemu-img create -f qcow2 n.qcow2 2M
both qemu-io -c 'write -P 6 200k 300k' n.qcow2
both qemu-img create -f qcow2 -b b.raw -F raw o.qcow2 1800k
both qemu-io -c 'write -P 1 100k 30k' o.qcow2
qemu-img convert -O raw ours/o.qcow2 content.raw

same rebase
same rebase o.qcow2
same rebase -b n.qcow2
same rebase -b n.qcow2 o.qcow2 x
same rebase -F qcow2 o.qcow2
same rebase --bogus
same rebase -c -b n.qcow2 o.qcow2
same rebase -t bogus -b n.qcow2 o.qcow2
same rebase -T bogus -b n.qcow2 o.qcow2
same rebase -b n.qcow2 -F qcow2 nothere
same rebase -b n.qcow2 -F qcow2 -f bogus o.qcow2
same rebase -b n.qcow2 -F bogus o.qcow2
same rebase -u -b n.qcow2 -F bogus o.qcow2
same rebase -b nothere -F qcow2 o.qcow2
same rebase -u -b nothere o.qcow2
same rebase -b n.qcow2 -F qcow2 -f raw b.raw
same rebase -u -b n.qcow2 -F qcow2 b.raw
same rebase -b n.qcow2 o.qcow2
same info o.qcow2

same rebase -u -b nothere -F qcow2 o.qcow2
same info o.qcow2
same rebase -b n.qcow2 -F qcow2 o.qcow2
same rebase -u -b b.raw -F raw o.qcow2
same rebase -U -b n.qcow2 -F qcow2 o.qcow2
same info o.qcow2
qemu-img compare -q content.raw ours/o.qcow2
same rebase -q -p -t none -T none -b b.raw -F raw o.qcow2
same rebase --image-opts -b n.qcow2 -F qcow2 driver=qcow2,file.filename=o.qcow2
same rebase -b ./n.qcow2 -F qcow2 o.qcow2
same rebase -b '' o.qcow2
same info o.qcow2
same check o.qcow2
same rebase -b "$top/ours/n.qcow2" -F qcow2 o.qcow2
same rebase -u o.qcow2
same info o.qcow2
qemu-img check -q ours/o.qcow2
qemu-img compare -q theirs/o.qcow2 ours/o.qcow2
finish
