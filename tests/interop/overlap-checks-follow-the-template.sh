#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest cluster that lies where metadata are: for every class of metadata and every overlap-check
# setting a write is refused, and the image marked corrupt, where QEMU does so, and not elsewhere.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# number FILE OFFSET: the big-endian number of 8 bytes there.
number() {
    echo $((16#$(od -An -v -tx1 -j "$2" -N 8 "$1" | tr -d ' \n')))
}

# patch FILE OFFSET NUMBER: write it there.
patch() {
    local hex
    hex=$(printf '%016x' "$3")
    printf '%b' "$(sed 's/../\\x&/g' <<< "$hex")" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

qemu-img create -q -f qcow2 -o cluster_size=4k good.qcow2 4M
qemu-io -c 'write -q -P 1 0 8k' -c 'write -q -P 2 3M 4k' good.qcow2
qemu-img snapshot -c snap good.qcow2
qemu-io -c 'write -q -P 3 0 8k' good.qcow2
qemu-img bitmap --add good.qcow2 marks
qemu-img check -q good.qcow2

active_l1=$(number good.qcow2 40)
active_l2=$(($(number good.qcow2 "$active_l1") & 0x00fffffffffffe00))
snapshot_table=$(number good.qcow2 64)
inactive_l1=$(number good.qcow2 "$snapshot_table")
refcount_table=$(number good.qcow2 48)
bitmaps=$(LC_ALL=C grep -obUaP '\x23\x85\x28\x75\0\0\0\x18' good.qcow2 | tr -d '\0' | head -n 1)
bitmap_directory=$(number good.qcow2 $((${bitmaps%%:*} + 8 + 16)))
declare -A place=(
    [active-l1]=$active_l1
    [active-l2]=$active_l2
    [refcount-table]=$refcount_table
    [refcount-block]=$(number good.qcow2 "$refcount_table")
    [snapshot-table]=$snapshot_table
    [inactive-l1]=$inactive_l1
    [inactive-l2]=$(($(number good.qcow2 "$inactive_l1") & 0x00fffffffffffe00))
    [bitmap-directory]=$bitmap_directory
)

# verdict PROGRAM OPTIONS: "written" or "refused", and "corrupt" if the image says so afterwards.
verdict() {
    cp bad.qcow2 image.qcow2
    if "$1" --image-opts "driver=qcow2,file.filename=image.qcow2$2" -c 'write -P 9 0 4k' > log 2>&1 &&
        grep -q '^wrote' log; then
        echo written
    else
        echo refused
    fi
    (($(number image.qcow2 72) & 2)) && echo corrupt
    true
}

for class in "${!place[@]}"; do
    for options in '' none constant cached all "none,overlap-check.$class=on" \
        "all,overlap-check.$class=off"; do
        options=${options:+,overlap-check.template=$options}
        cp good.qcow2 bad.qcow2
        patch bad.qcow2 "$active_l2" $((16#8000000000000000 | place[$class]))
        theirs=$(verdict qemu-io "$options")
        ours=$(verdict qcow-io "$options")
        [[ $ours == "$theirs" ]] || fail "$class$options: QEMU: $theirs; we: $ours: $(cat log)"
        case $options in
        *none) [[ $ours == written ]] || fail "$class$options: $ours" ;;
        *=on | *=all) [[ $ours == refused*corrupt ]] || fail "$class$options: $ours" ;;
        esac
    done
done

# With everything checked, good images can be changed in every way.
cp good.qcow2 image.qcow2
opts=driver=qcow2,file.filename=image.qcow2,overlap-check=all
for round in 1 2 3; do
    qcow-io --image-opts $opts -c 'write -P 4 2M 20k' -c 'write -P 5 0 4k' -c 'discard 3M 4k' > /dev/null
    qcow-img snapshot -c "round $round" --image-opts $opts
    qcow-io --image-opts $opts -c 'write -P 6 2M 8k' -c 'write -z 1M 1M' > /dev/null
    qcow-img snapshot -a snap --image-opts $opts
    qcow-io --image-opts $opts -c 'write -P 7 2M 8k' -c 'write -c -P 7 8k 4k' > /dev/null
    qcow-img snapshot -d "round $round" --image-opts $opts
    qemu-img check -q image.qcow2 || fail "round $round: not clean"
done
