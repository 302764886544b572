#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fio writes at random over several connections at once, with many requests in flight on each, and
# reads back what it wrote: while the server runs, and again from a new server.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img fio
if ! fio --enghelp 2> /dev/null | grep -qw nbd; then
    echo "skipped: this fio has no nbd engine"
    exit 77
fi

# Four jobs, each with a connection of its own and a quarter of the disk that ends within a cluster,
# in blocks of 512 bytes to 96 KiB.
hammer() {
    (cd "$work" && fio --name=hammer --ioengine=nbd --uri="$uri" --thread --numjobs=4 \
        --size=16744960 --offset_increment=16744960 --iodepth=16 --rw=randwrite \
        --bsrange=512-96k --bs_unaligned=0 --blockalign=512 --randseed=7 --norandommap=0 \
        --verify=crc32c --verify_fatal=1 "$@") > "$work/fio.log" 2>&1 || fail "fio $*"
}

qemu-img create -q -f qcow2 "$work/disk.qcow2" 64M
serve write qcow2 "$work/disk.qcow2"
hammer --do_verify=1 --fsync=64
stop_server
clean "$work/disk.qcow2"

serve verify qcow2 "$work/disk.qcow2" readonly=true
hammer --verify_only=1
stop_server

# The same on clusters of 512 bytes, over a backing file that must not change.
head -c 64M /dev/urandom > "$work/base.raw"
identity "$work/base.raw" > "$work/base.before"
qemu-img create -q -f qcow2 -o cluster_size=512 -b base.raw -F raw "$work/overlay.qcow2"
serve overlay qcow2 "$work/overlay.qcow2" backing=allow
hammer --do_verify=1
stop_server
clean "$work/overlay.qcow2"
identity "$work/base.raw" | diff "$work/base.before" - || fail "the backing file has changed"
