#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A file that was cut is repaired as far as something is left to repair from.  Without its L1 table, or
# where new refcount structures would come to lie on what the tables still name, it stays as it is, byte for
# byte; what is counted as repaired was repaired.  And info describes what is there.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

fail() { echo "FAIL: $what: $*"; head -c 4000 out; exit 1; }
number() { sed -nE "s/^ *\"$1\": ([0-9]+).*/\1/p" json; }

# repair STATUS [leaks]: of what is told to be repaired nothing is there any more.
repair() {
    local before after fixed status=0
    qcow-img check --output=json cut >json 2>/dev/null || true
    before=$(number corruptions)
    cp cut copy
    qcow-img check -r "${2-all}" cut >out 2>&1 || status=$?
    qcow-img check -r "${2-all}" --output=json copy >json 2>/dev/null || true
    fixed=$(number corruptions-fixed) after=$(number corruptions)
    [ "$status" = "$1" ] || fail "repair ends with $status instead of $1"
    [ "${fixed:-0}" -le "$((${before:-0} - ${after:-0}))" ] ||
        fail "of ${before:-0} corruptions ${fixed:-0} are said to be repaired, ${after:-0} are left"
}

qemu-img create -q -f qcow2 disk 700M
qemu-io -f qcow2 -c 'write -P 1 0 1M' -c 'write -P 2 600M 1M' disk >/dev/null

# The L1 table lies at 0x30000: all of it, its end, or the refcount structures as well, are gone.
for length in 104 1000 65536 131072 196608 196609 196615; do
    for mode in all leaks; do
        what="cut to $length bytes, -r $mode"
        cp disk cut
        truncate -s "$length" cut
        cp cut before
        repair 2 $mode
        cmp cut before >out || fail "the image was changed"
    done
    qcow-img info cut >ours 2>out || fail "info says nothing"
    qemu-img info cut >theirs
    diff ours theirs >out || fail "info is not as qemu-img's"
    qcow-img info cut 2>&1 >/dev/null | grep -q "'cut' is not whole: .*the file ends at $(printf 0x%x $length)\$" ||
        fail "info does not tell what is missing"
    ! qcow-io -r -c 'read 0 512' cut >out 2>&1 || fail "it opens for reading"
done

what="cut to 327680 bytes"
cp disk cut
truncate -s 327680 cut
repair 0
grep -q "l1_index=1: .*guest offset 0x20000000 ($((188 << 20)) bytes) reads as zeroes" out ||
    fail "what is lost is more than the disk has"

what="a header that is cut"
cp disk cut
truncate -s 90 cut
! qcow-img info cut >out 2>&1 || fail "it opens"
grep -q 'header too short: the file has 90 bytes (at least 104)' out || fail "the length is not told"

what="snapshots that are cut off"
cp disk cut
qemu-img snapshot -c one cut
truncate -s $(($(stat -c %s disk) + 65536)) cut
qcow-img info cut >ours 2>out || fail "info says nothing"
diff <(qcow-img info disk | tail -n +5) <(tail -n +5 ours) >out || fail "info is not that of the disk"

# Two clusters are free, four are needed, and L2 tables lie where the file would grow.
put() { printf "$2" | dd of=cut bs=1 seek="$1" conv=notrunc status=none; }
what="no room for refcount structures"
truncate -s 64M base
qemu-img create -q -f qcow2 -o cluster_size=4k,refcount_bits=1 -b base -F raw cut
qemu-io -f qcow2 -c 'write -P 1 0 8M' cut >/dev/null
truncate -s 4210688 cut
put 48 '\0\0\1\0\0\0\0\0' # the refcount table
put 96 '\0\0\0\6'         # refcounts of 64 bits
repair 2
grep -q 'cannot be rebuilt' out || fail "that is not told"
[ "$(stat -c %s cut)" = 4210688 ] || fail "the file has grown"
