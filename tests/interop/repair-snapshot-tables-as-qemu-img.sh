#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check -r all on snapshot tables: entries with too much extra data lose what is too much, entries with too
# little get what they lack, entries behind the last that a table may have are dropped.  The same is said
# and counted as by qemu-img, the same snapshots are left, they hold what they held, and a second check
# finds nothing.
set -eu
case $(qemu-img --version) in
*"version 7.2"*) ;;
*) echo "SKIP: the findings and counts are those of qemu-img 7.2"; exit 77 ;;
esac
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

fail() { echo "FAIL: $what: $*"; head -c 2000 ours.said; exit 1; }
number() { echo $((16#$(od -An -v -tx1 -j "$1" -N "$2" "${3-disk}" | tr -d ' \n'))); }
bytes() { printf "$(printf "%0$((2 * $2))x" "$1" | sed 's/../\\x&/g')"; }
put() { dd of=disk bs=1M oflag=seek_bytes seek="$1" conv=notrunc status=none; }

views() { # FILE
    local snapshot
    for snapshot in "" one two; do
        qemu-img convert -f qcow2 -O raw ${snapshot:+-l "snapshot.name=$snapshot"} "$1" view
        sha256sum <view
    done
}

make() {
    rm -f disk
    qemu-img create -q -f qcow2 disk 16M
    qemu-io -f qcow2 -c 'write -P 1 0 1M' disk >/dev/null
    qemu-img snapshot -c one disk
    qemu-io -f qcow2 -c 'write -P 2 512k 1M' disk >/dev/null
    qemu-img snapshot -c two disk
    qemu-io -f qcow2 -c 'write -P 3 768k 1M' disk >/dev/null
    views disk >before
}

# The first entry of the snapshot table with SIZE bytes of extra data (24 as QEMU writes it).
with_extra() { # SIZE
    local at kept
    at=$(number 64 8)
    [ "$(number $((at + 36)) 4)" = 24 ]
    kept=$(($1 < 24 ? $1 : 24))
    dd if=disk of=table bs=65536 skip=$((at / 65536)) count=1 status=none
    {
        head -c 36 table
        bytes "$1" 4
        head -c $((40 + kept)) table | tail -c +41
        head -c $(($1 - kept)) /dev/zero | tr '\0' x
        tail -c +65 table
    } | head -c 65536 | put "$at"
}

compare() {
    local theirs=0 ours=0
    cp --sparse=always disk theirs
    cp --sparse=always disk ours
    qemu-img check -r all --output=json theirs >theirs.out 2>theirs.err || theirs=$?
    qcow-img check -r all --output=json ours >ours.out 2>ours.err || ours=$?
    for program in theirs ours; do
        cat $program.err <(grep -v '"filename"' $program.out) | sort -u >$program.said
    done
    [ $theirs = $ours ] || fail "status $ours instead of $theirs"
    diff theirs.said ours.said || fail "something else is said"
    [ $ours = 0 ] || fail "status $ours"
    for program in theirs ours; do
        qcow-img check -q $program || fail "a second check of $program finds something"
        qemu-img check -q $program || fail "qemu-img finds something in $program"
        qemu-img snapshot -l $program | tr -s ' ' >$program.list
        views $program >$program.views
    done
    cmp theirs.list ours.list || fail "the lists differ"
    cmp theirs.views ours.views || fail "the snapshots hold something else"
    cmp before ours.views || fail "the snapshots held something else"
}

for size in 1032 2000 10000; do
    what="$size bytes of extra data"
    make
    with_extra $size
    ! qcow-img check -q disk 2>/dev/null || fail "nothing is found"
    compare
    grep -q "Discarding too much extra metadata in snapshot table entry 0 ($size > 1024)" ours.err
done

for size in 0 8; do
    what="$size bytes of extra data"
    make
    with_extra $size
    compare
    grep -q 'Repairing snapshot table entry 0 is incomplete' ours.err
done

what="1024 bytes of extra data, which are allowed"
make
with_extra 1024
cp disk whole
qcow-img check -q disk
qcow-img check -q -r all disk
cmp disk whole || fail "it was changed"

# The table is moved to the end of the file, where there is room for many entries.
what="more snapshots than there may be"
make
at=$(number 64 8)
dd if=disk of=table bs=65536 skip=$((at / 65536)) count=1 status=none
length=$(stat -c %s disk)
truncate -s $((length + 4 * 1048576)) disk
l1=$(number 0 8 table)
size=$(number 8 4 table)
entry=$(mktemp -p .)
{ bytes "$l1" 8; bytes "$size" 4; bytes 1 2; bytes 0 2; head -c 20 /dev/zero; bytes 16 4
  bytes 0 8; bytes 16777216 8; printf 'x\0\0\0\0\0\0\0'; } >"$entry"
for _ in $(seq 16); do cat "$entry" "$entry" >twice; mv twice "$entry"; done # 65536 of them
put "$length" <"$entry"
{ bytes 65537 4; bytes "$length" 8; } | put 60
ours=0
qcow-img check disk >ours.said 2>&1 || ours=$?
[ $ours = 1 ] || [ $ours = 2 ] || fail "status $ours without a repair"
grep -q 'snapshot table too large' ours.said || fail "it is not told"
cp disk ours
qcow-img check -r all ours >ours.said 2>&1 || true
grep -q 'Discarding 1 overhanging snapshots' ours.said || fail "it is not told what is dropped"
[ "$(number 60 4 ours)" = 65536 ] || fail "$(number 60 4 ours) snapshots are left"
qcow-img check ours >ours.said 2>&1 || true
! grep -q 'too large' ours.said || fail "they were not dropped"

# No repair makes the snapshots of such an image whole: their data would be in the data file, of now.
what="a snapshot in an image with a data file"
rm disk
qemu-img create -q -f qcow2 disk 16M
qemu-img snapshot -c one disk
qemu-img snapshot -c two disk
printf '\4' | put 79 # the incompatible feature
truncate -s 16M data
for repair in "" "-r all"; do
    ours=0 theirs=0
    cp --sparse=always disk before
    qcow-img check $repair disk >ours.said 2>&1 || ours=$?
    cmp disk before || fail "it was changed"
    qemu-img check --image-opts driver=qcow2,file.filename=disk,data-file.driver=file,data-file.filename=data \
        >theirs.said 2>&1 || theirs=$?
    [ $ours = 2 ] && [ $theirs = 2 ] || fail "status $ours, of qemu-img $theirs"
    grep -qx 'ERROR 2 snapshots in image with data file' ours.said || fail "it is not told"
    grep -qx 'ERROR 2 snapshots in image with data file' theirs.said || fail "qemu-img does not tell"
done
