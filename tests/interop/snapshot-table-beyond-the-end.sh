#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A file that ends before its snapshot table: the disk can be read, with one warning; the snapshots
# cannot, nor can anything be changed.  No repair gives the snapshots up: one wrong bit in the header
# looks the same.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

qemu-img create -q -f qcow2 whole.qcow2 4M
qemu-io -c 'write -P 7 0 1M' whole.qcow2 >/dev/null
qemu-img snapshot -c one whole.qcow2
qemu-io -c 'write -P 8 0 256k' whole.qcow2 >/dev/null
qemu-img snapshot -c two whole.qcow2
qemu-img convert -O raw whole.qcow2 want.raw
table=$((16#$(od -An -tx1 -j64 -N8 whole.qcow2 | tr -d ' \n')))
test $((table + 65536)) -ge "$(stat -c %s whole.qcow2)" || fail "the table is not the last cluster"

cut_at() {
    cp whole.qcow2 cut.qcow2
    truncate -s "$1" cut.qcow2
    cp cut.qcow2 before.qcow2
}

# One warning, and the disk.
read_all() {
    for options in "" "--salvage -U" "-U"; do
        # shellcheck disable=SC2086
        qcow-img convert $options -O raw cut.qcow2 got.raw 2>said
        cmp want.raw got.raw
        grep -c 'snapshots are lost' said | grep -qx 1 || fail "convert $options says $(cat said)"
    done
    for verb in "map" "info" "measure -O qcow2" "compare want.raw"; do
        # shellcheck disable=SC2086
        qcow-img $verb cut.qcow2 >/dev/null 2>said || fail "$verb: $(cat said)"
        grep -c 'snapshots are lost' said | grep -qx 1 || fail "$verb says $(cat said)"
    done
    qcow-io -r -c 'read -P 8 0 256k' cut.qcow2 >/dev/null
}

refuse_the_rest() {
    for command in "snapshot -l" "snapshot -c three" "snapshot -a one" "snapshot -d one" \
        "convert -l one -O raw" "amend -o lazy_refcounts=on" "resize" "check -r leaks"; do
        set -- cut.qcow2
        case $command in convert*) set -- cut.qcow2 x.raw ;; resize) set -- cut.qcow2 8M ;; esac
        # shellcheck disable=SC2086
        qcow-img $command "$@" >/dev/null 2>&1 && fail "$command was not refused"
        cmp before.qcow2 cut.qcow2
    done
    qcow-io -c 'write 0 64k' cut.qcow2 >/dev/null 2>&1 && fail "it was written"
    cmp before.qcow2 cut.qcow2
}

for at in $table $((table + 60)); do
    cut_at "$at"
    read_all
    refuse_the_rest
    for repair in "" "-r leaks" "-r all"; do
        # shellcheck disable=SC2086
        qcow-img check $repair cut.qcow2 >said 2>&1 && fail "check $repair found nothing"
        grep -qi 'snapshot table' said || fail "check $repair says $(cat said)"
        cmp before.qcow2 cut.qcow2
    done
done
