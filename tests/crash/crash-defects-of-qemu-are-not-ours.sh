#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Seven ways in which QEMU 7.2 loses data, each tried at every write: none of them is ours.
#
#   Q1  a power cut while a snapshot is applied: the next guest write changes the snapshot
#   Q2  check -r all on an image with an unknown autoclear bit: all snapshots are gone, and it says 0
#   Q3  a power cut after compressed clusters were overwritten or discarded: what was flushed cannot be read
#   Q4  a power cut with lazy refcounts: entries point beyond the end of the file, check -r all ends with 2
#   Q5  a power cut while the name of the backing file changes: it is neither the old one nor the new one
#   Q6  compressed and plain writes in turn: a compressed one overwrites a plain one, with no cut at all
#   Q7  a safe rebase of a version 2 image onto its first backing file: what read as zeroes shows that file
#
# With the argument --qemu qemu-img and qemu-io are tried instead, and all seven must show.
# (make show-qemu-defects)
set -eu
img=qcow-img io=qcow-io
[ "${1-}" != --qemu ] || img=qemu-img io=qemu-io
for program in $img $io; do
    command -v $program >/dev/null || { echo "SKIP: $program is not installed"; exit 77; }
done
read -ra cc <<<"${CC:-cc}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"${cc[@]}" -O1 -shared -fPIC -o "$tmp/cut.so" "${abs_top_srcdir:-$(dirname "$0")/../..}/tests/crash/cut-program.c" -ldl \
    2>"$tmp/log" || { echo "SKIP: what is to be preloaded cannot be built: $(head -1 "$tmp/log")"; exit 77; }
cd "$tmp"

most=60 # writes of what is cut, at most
shown=0

# cut HOW N COMMAND...: run it, and let the power fail at write N to the disk.  1: it came to its end.
cut() {
    local how=$1 n=$2 status=0
    shift 2
    (exec env LD_PRELOAD="$tmp/cut.so" CUT_FILE="$tmp/disk" "$how=$n" "$@" >out 2>&1) || status=$?
    [ $status = 137 ]
} 2>/dev/null

# at_every_write QN HOW MAKE DAMAGED COMMAND...: DAMAGED says of what a cut left whether it is.
at_every_write() {
    local name=$1 how=$2 make=$3 damaged=$4 n
    shift 4
    for n in $(seq $most); do
        rm -f disk
        $make >/dev/null
        cut "$how" "$n" "$@" || break
        if $damaged; then
            result "$name" 1 "at write $n"
            return
        fi
    done
    [ "$n" -gt 1 ] || { echo "SKIP: $1 was not cut: $(head -1 out)"; exit 77; }
    [ "$n" -lt $most ] || { echo "FAIL: $name ends only after $most writes"; exit 1; }
    result "$name" 0 "in $((n - 1)) cuts"
}

result() { # QN SHOWN TEXT
    if [ "$2" = 1 ]; then
        echo "$1: $img shows it, $3"
        shown=$((shown + 1))
    else
        echo "$1: $img does not show it, $3"
    fi
}

differs() { # PATTERN OFFSET LENGTH...
    ! $io -f qcow2 -c "read -P $1 $2 $3" disk >out 2>&1 || grep -q failed out
}

# ---- Q1 ----

snapshot_of_ones() {
    $img create -q -f qcow2 disk 1M
    $io -f qcow2 -c 'write -P 1 0 256k' disk
    $img snapshot -c one disk
    $io -f qcow2 -c 'write -P 2 0 64k' disk
    $img convert -f qcow2 -l one -O raw disk before
}
snapshot_changes() {
    $io -f qcow2 -c 'write -P 9 128k 64k' disk >/dev/null 2>&1
    ! $img convert -f qcow2 -l one -O raw disk after 2>/dev/null || ! cmp -s before after
}

# ---- Q3: streams of half a cluster, so that two share one ----

half_random_streams() {
    $img create -q -f qcow2 -o cluster_size=4k disk 256k
    { head -c 2000 /dev/urandom; head -c 2096 /dev/zero; } >pattern
    $io -f qcow2 -c 'write -c -s pattern 0 32k' disk
    $img convert -f qcow2 -O raw disk before
}
flushed_is_lost() {
    ! $img convert -f qcow2 -O raw disk after 2>/dev/null ||
        ! cmp -s <(tail -c +24577 before | head -c 8192) <(tail -c +24577 after | head -c 8192)
}

# ---- Q4 ----

lazy() {
    $img create -q -f qcow2 -o lazy_refcounts=on disk 4M
    $io -f qcow2 -c 'write -P 1 0 64k' disk
}
not_repaired() {
    ! $img check -r all disk >out 2>&1 || differs 1 0 64k
}

# ---- Q5 ----

long=$(printf 'base%0.s' {1..60})
above_long() {
    $img create -q -f qcow2 "$long" 1M
    $img create -q -f qcow2 short 1M
    $img create -q -f qcow2 -b "$long" -F qcow2 disk
}
backing_file_is_another() {
    ! $img info --output=json disk >out 2>&1 ||
        ! grep -q -e "\"backing-filename\": \"$long\"" -e '"backing-filename": "short"' out
}

# ---- Those that need no cut ----

snapshots_are_lost() {
    $img create -q -f qcow2 disk 1M
    $img snapshot -c one disk
    printf '\200' | dd of=disk bs=1 seek=88 conv=notrunc status=none
    $img check -q -r all disk 2>/dev/null
    ! $img snapshot -l disk | grep -q one
}

plain_write_is_overwritten() {
    $img create -q -f qcow2 disk 1M
    $io -f qcow2 -c 'write -c -P 1 0 64k' -c 'write -P 2 0 64k' -c 'write -P 3 128k 64k' \
        -c 'write -c -P 4 256k 64k' disk >/dev/null
    differs 3 128k 64k
}

zeroes_show_the_backing_file() {
    $img create -q -f raw base 1M
    $io -f raw -c 'write -P 6 0 1M' base >/dev/null
    $img create -q -f qcow2 -o compat=0.10 disk 1M
    $img rebase -f qcow2 -b base -F raw disk
    differs 0 0 1M
}

at_every_write Q1 CUT_AT snapshot_of_ones snapshot_changes $img snapshot -a one disk
if snapshots_are_lost; then result Q2 1 "each time"; else result Q2 0 "nothing is lost"; fi
# now and then the order of QEMU's writes is a lucky one
for _ in 1 2 3; do
    before=$shown
    at_every_write Q3 CUT_AT half_random_streams flushed_is_lost $io -f qcow2 -d unmap \
        -c 'write -P 10 4608 4096' -c 'discard 16384 4096' -c 'write -c -P 12 73728 4096' \
        -c 'discard 16384 4096' -c 'write -c -P 15 20480 4096' -c 'discard 12288 4096' \
        -c 'write -P 17 8192 8192' disk
    [[ $img = qemu-img && $shown = "$before" ]] || break
done
at_every_write Q4 CUT_LOSE lazy not_repaired $io -f qcow2 -c 'write -P 2 64k 64k' \
    -c 'write -P 2 128k 64k' -c flush disk
at_every_write Q5 CUT_TEAR above_long backing_file_is_another $img rebase -u -b short -F qcow2 disk
rm -f disk
if plain_write_is_overwritten; then result Q6 1 "each time"; else result Q6 0 "the data are there"; fi
rm -f disk
if zeroes_show_the_backing_file; then result Q7 1 "each time"; else result Q7 0 "they are zeroes"; fi

if [ $img = qemu-img ]; then
    [ $shown = 7 ] || { echo "FAIL: QEMU shows only $shown of 7"; exit 1; }
elif [ $shown -gt 0 ]; then
    echo "FAIL: $shown of QEMU's defects are ours"
    exit 1
fi
