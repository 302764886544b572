#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Whatever is wrong with the parameters or the file, the server does not start and says why in one
# sentence; nothing is made and nothing is changed.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img

cd "$work"
qemu-img create -q -f qcow2 disk.qcow2 1M
head -c 1M /dev/urandom > disk.raw
: > empty
identity disk.qcow2 > before

refuses 'which disk image' qcow2
refuses 'file=' qcow2 file=
refuses "unknown parameter 'colour'" qcow2 disk.qcow2 colour=blue
refuses 'expected format=qcow2|raw' qcow2 disk.qcow2 format=vmdk
refuses 'expected backing=refuse|allow' qcow2 disk.qcow2 backing=perhaps
refuses 'expected cache=writeback|writethrough|none|directsync|unsafe' qcow2 disk.qcow2 cache=big
refuses maybe qcow2 disk.qcow2 readonly=maybe
refuses maybe qcow2 disk.qcow2 discard=maybe
refuses 'lots' qcow2 disk.qcow2 l2-cache-size=lots
refuses size qcow2 disk.qcow2 refcount-cache-size=-5
refuses 'wait: ' qcow2 disk.qcow2 wait=soon
refuses 'at most' qcow2 disk.qcow2 wait=18446744073709551615
refuses 'overlap-check' qcow2 disk.qcow2 option=overlap-check=some
refuses "Invalid parameter 'colour'" qcow2 disk.qcow2 option=overlap-check=all option=colour=blue
refuses 'Invalid parameter' qcow2 disk.qcow2 option=nothing
refuses 'power of two between' qcow2 disk.qcow2 option=l2-cache-entry-size=1000
refuses 'snapshot=' qcow2 disk.qcow2 snapshot=
refuses 'none-such' qcow2 disk.qcow2 snapshot=none-such
refuses snapshot qcow2 disk.raw format=raw snapshot=1

refuses 'missing.qcow2' qcow2 missing.qcow2
[[ ! -e missing.qcow2 ]] || fail "the missing file was made"
refuses "disk.raw': Image is not in qcow2 format: pass format=raw if it is a raw disk" qcow2 disk.raw
qemu-img create -q -f vmdk disk.vmdk 1M
refuses 'qemu-img convert -O qcow2 makes one of it' qcow2 disk.vmdk
qemu-img create -q -f qcow old.qcow 1M
refuses 'version 1 of the format, format=qcow' qcow2 old.qcow
refuses '/disk.qcow2 already, and a server has one' qcow2 disk.qcow2 disk.raw
for server in nbd://localhost/disk nbds://localhost 'nbd+unix:///?socket=/tmp/none'; do
    refuses 'only files are served here: nbdcopy' qcow2 file="$server"
    refuses 'only files are served here: nbdcopy' qcow2 disk.qcow2 data-file="$server"
done
refuses '/disk.raw already, and a server has one' qcow2 disk.qcow2 data-file=disk.raw data-file=empty
refuses 'empty' qcow2 empty
refuses 'elsewhere' qcow2 elsewhere/disk.qcow2
mkdir folder
refuses 'folder' qcow2 folder

identity disk.qcow2 | diff before - || fail "the file has changed"

# All of them at once, each good, and help that names each.
serve all qcow2 file=disk.qcow2 format=qcow2 readonly=no backing=allow cache=writethrough \
    discard=off l2-cache-size=1M refcount-cache-size=256k
stop_server
nbdkit qcow2 --help > help
for parameter in file format snapshot readonly backing cache discard l2-cache-size \
    refcount-cache-size; do
    grep -q "$parameter=" help || fail "nbdkit qcow2 --help does not name $parameter="
    grep -q "${parameter//-/\\\\-}=" "$abs_top_srcdir/man/nbdkit-qcow2-plugin.1" ||
        fail "the manual does not name $parameter="
done
for mode in writeback none directsync unsafe; do
    if [[ $mode == none || $mode == directsync ]] &&
        ! dd if=disk.raw of=/dev/null bs=4k count=1 iflag=direct status=none 2> direct.log; then
        echo "cache=$mode not tried: $work is on a file system without O_DIRECT"
        continue
    fi
    serve "$mode" qcow2 disk.qcow2 "cache=$mode"
    stop_server
done
