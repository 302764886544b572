#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check -r all tells which parts of the disk lay beyond the end of the file, and has them read as zeroes
# (as QEMU reads them all along): then the image is clean and can be written.  Nothing else changes.
# What would show a backing file instead stays, and the exit status says so.  When a dirty image is
# repaired because somebody opens it nothing is dropped.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

fail() { echo "FAIL: $what: $*"; cat out 2>/dev/null; exit 1; }
word() { echo "0x$(od -An -tx8 --endian=big -j "$1" -N8 disk | tr -d ' ')"; }
put() { # OFFSET WORD
    printf "$(printf '%016x' "$2" | sed 's/../\\x&/g')" |
        dd of=disk bs=1 seek="$(($1))" conv=notrunc status=none
}
copied=$((1 << 63)) compressed=$((1 << 62)) far=$((1 << 40))
l1() { word 40; }
l2() { echo $(($(word "$(l1)") & ~copied)); }

make() { # OPTIONS HOW
    rm -f disk
    qemu-img create -q -f qcow2 $1 disk 1G
    qemu-io -f qcow2 -c "write $2 -P 1 0 1M" -c 'write -P 2 600M 1M' disk >/dev/null
}

repair() { # STATUS PATTERN
    local status=0
    qcow-img check -r all disk >out 2>&1 || status=$?
    [ "$status" = "$1" ] || fail "status $status instead of $1"
    grep -q -- "$2" out || fail "this is not told: $2"
}

# reads FILE COMMAND...: our tools and QEMU's.
reads() {
    local file=$1 program
    shift
    for program in qcow-io qemu-io; do
        $program -f "${format-qcow2}" "$@" "$file" >out 2>&1 && ! grep -q failed out ||
            fail "$program reads something else"
    done
}

clean() {
    qcow-img check -q disk || fail "a second check finds something"
    qemu-img check -q disk || fail "qemu-img finds something"
}

for where in $far $(((1 << 50) + 512)); do
    what="a cluster at $where"
    make '' ''
    put $(($(l2) + 8)) $((copied | where))
    repair 0 'guest offset 0x10000 (65536 bytes) reads as zeroes'
    clean
    reads disk -c 'read -P 1 0 64k' -c 'read -P 0 64k 64k' -c 'read -P 1 128k 896k' -c 'read -P 2 600M 1M'
    qcow-io -c 'write -P 3 64k 64k' disk >/dev/null
    reads disk -c 'read -P 3 64k 64k'
    clean
done

what="a zero cluster that keeps its place"
make '' ''
put $(($(l2) + 8)) $((copied | far | 1))
repair 0 'guest offset 0x10000'
clean

what="a stream"
make '' -c
put $(($(l2) + 8)) $((compressed | far))
repair 0 'guest offset 0x10000'
clean
reads disk -c 'read -P 1 0 64k' -c 'read -P 0 64k 64k' -c 'read -P 1 128k 896k'

what="half a cluster of subclusters"
make '-o extended_l2=on' ''
put $(($(l2) + 16)) $((copied | far))
put $(($(l2) + 24)) $((0xf00000000000000f))
repair 0 'guest offset 0x10000'
clean
reads disk -c 'read -P 1 0 64k' -c 'read -P 0 64k 64k'
[ "$(word $(($(l2) + 24)))" = 0xf000000f00000000 ] || fail "the bitmap is $(word $(($(l2) + 24)))"

what="an L2 table"
make '' ''
put $(($(l1) + 8)) $((copied | far))
repair 0 'l1_index=1: .*guest offset 0x20000000 (536870912 bytes) reads as zeroes'
clean
reads disk -c 'read -P 1 0 1M' -c 'read -P 0 600M 1M'

what="an L2 table of a snapshot"
make '' ''
qemu-img snapshot -c one disk
qemu-io -f qcow2 -c 'write -P 3 2M 64k' disk >/dev/null
put "$(word "$(word 64)")" $far
repair 0 "l1_index=0 of snapshot 'one'"
clean
reads disk -c 'read -P 1 0 1M' -c 'read -P 3 2M 64k' -c 'read -P 2 600M 1M'
qemu-img convert -l one -O raw disk one
format=raw reads one -c 'read -P 0 0 1M' -c 'read -P 2 600M 1M'

what="a cluster that a snapshot shares"
make '' ''
qemu-img snapshot -c one disk
put $(($(l2) + 8)) $far
repair 0 'guest offset 0x10000 .*in snapshots, too'
clean

what="version 2"
make '-o compat=0.10' ''
put $(($(l2) + 8)) $((copied | far))
repair 0 'guest offset 0x10000'
clean
reads disk -c 'read -P 0 64k 64k'

qemu-img create -q -f raw base 1G
qemu-io -f raw -c 'write -P 9 0 2M' base >/dev/null
what="a cluster above a backing file"
make '-b base -F raw' ''
put $(($(l2) + 8)) $((copied | far))
repair 0 'guest offset 0x10000'
clean
reads disk -c 'read -P 1 0 64k' -c 'read -P 0 64k 64k' -c 'read -P 9 1M 1M'

what="a cluster above a backing file, version 2"
make '-o compat=0.10 -b base -F raw' ''
put $(($(l2) + 8)) $((copied | far))
repair 2 'exceeding the end of the file'

what="an L2 table above a backing file"
make '-b base -F raw' ''
put "$(l1)" $((copied | far))
repair 2 'exceeding the end of the file'

what="a dirty image that is opened"
make '' ''
put $(($(l2) + 8)) $((copied | far))
put 72 1
before=$(word $(($(l2) + 8)))
qcow-io -c 'write -P 3 2M 64k' disk >out 2>&1 || fail "it cannot be opened and written"
[ "$(word 72)" = 0x0000000000000000 ] || fail "it was not repaired"
[ $(($(word $(($(l2) + 8))) & ~copied)) = $((before & ~copied)) ] || fail "something was dropped"
