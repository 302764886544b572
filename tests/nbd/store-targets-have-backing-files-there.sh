#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A target of convert has its backing file on a server, by whatever name of it, and nothing is lost that lies
# between; qcow-io opens such an image by a command, too.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need qemu-nbd qemu-img qemu-io

cd "$work"
qemu-img create -q -f qcow2 base.qcow2 1M
qemu-io -c 'write -q -P 1 0 1M' base.qcow2
socket=$work/server.sock
for export in "" other; do
    qemu-nbd --fork -r -t -e 8 -f raw --pid-file="server$export.pid" -k "$socket$export" -x "$export" base.qcow2
    servers+=("$(cat "server$export.pid")")
done
uri="nbd+unix:///?socket=$socket"
qemu-img create -q -f qcow2 -b "$uri" -F qcow2 mid.qcow2
qemu-io -c 'write -q -P 2 128k 64k' mid.qcow2
qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2
qemu-io -c 'write -q -P 3 256k 64k' top.qcow2

img() {
    timeout "$patience" qcow-img "$@" > img.out 2>&1 || fail "qcow-img $*: $(cat img.out)"
}

for source in mid top; do
    for base in "$uri" "nbd:unix:$socket" "nbd+unix://?socket=$socket"; do
        rm -f out.qcow2
        img convert --backing-nbd -O qcow2 -B "$base" -F qcow2 $source.qcow2 out.qcow2
        img compare --backing-nbd $source.qcow2 out.qcow2
        qemu-img compare -q $source.qcow2 out.qcow2 || fail "-B $base of $source is another disk"
    done
done
rm out.qcow2
! qcow-img convert -O qcow2 -B "$uri" -F qcow2 mid.qcow2 out.qcow2 2> img.log || fail "without --backing-nbd"
[[ ! -e out.qcow2 ]] || fail "a target that could not be opened is there"

# An export of which nobody knows whether it is the one further down
other="nbd+unix:///other?socket=${socket}other"
! qcow-img convert --backing-nbd -O qcow2 -B "$other" -F qcow2 top.qcow2 out.qcow2 2> img.log ||
    fail "a layer was left out"
grep -q 'further down in the chain' img.log || fail "$(cat img.log)"
img convert --backing-nbd -O qcow2 -B "$other" -F qcow2 mid.qcow2 out.qcow2
qemu-img compare -q mid.qcow2 out.qcow2 || fail "-B of the same content is another disk"

# Onto what is there
img create --backing-nbd -q -f qcow2 -b "$uri" -F qcow2 over.qcow2
img convert --backing-nbd -n -O qcow2 top.qcow2 over.qcow2
qemu-img compare -q top.qcow2 over.qcow2 || fail "-n onto an overlay is another disk"

qcow-io --backing-nbd -c "open -r over.qcow2" -c 'read -P 3 256k 64k' > io.out 2>&1 || fail "$(cat io.out)"
grep -q '^read 65536/65536' io.out || fail "qcow-io: $(cat io.out)"
