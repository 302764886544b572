#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random guest writes, writes of a VM state, snapshots and changes of the size, on two images, step by step
# by QEMU on one and by us on the other, then the other way round: both programs find both images in order
# and read the same disk and the same VM state from them after each step.
#
#     vm-states-differential.sh [SEED [RUNS]]
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

vm_state=$abs_top_builddir/tests/interop/vm-state
seed=${1:-1}
runs=${2:-6}
doing="seed $seed"
trap '[[ $? -eq 0 ]] || echo "vm-states-differential.sh $seed 1: $doing"; cd / && rm -rf "$work"' EXIT

shapes=(cluster_size=512 cluster_size=4k,compat=v2 cluster_size=4k,refcount_bits=8
    cluster_size=16k,extended_l2=on cluster_size=64k,lazy_refcounts=on cluster_size=4k,backing)
most=$((3 << 20)) # bytes of the VM state that are looked at

# draw BELOW: a number in $drawn.
draw() {
    drawn=$(((RANDOM << 15 | RANDOM) % $1))
}

# A place of whole sectors, near others, in $offset and $count.
draw_place() { # SIZE
    draw 8
    local near=$(($1 / 8 * drawn))
    draw 40000
    offset=$(((near + drawn) / 512 * 512))
    draw 150000
    count=$(((drawn + 512) / 512 * 512))
    ((offset + count <= $1)) || count=$(($1 - offset))
    ((count > 0)) || { offset=0 count=512; }
}

# A batch of requests in $batch.
draw_batch() {
    local n
    batch=()
    for n in 1 2 3 4 5 6 7 8; do
        draw 10
        case $drawn in
        0 | 1 | 2) draw_place "$size" && batch+=(-c "write -q -P $((n + 1)) $offset $count") ;;
        3) draw_place "$size" && batch+=(-c "write -q -z -u $offset $count") ;;
        4) draw_place "$size" && batch+=(-c "discard -q $offset $count") ;;
        5) batch+=(-c flush) ;;
        *) draw_place $most && batch+=(-c "write -b -q -P $((n + 10)) $offset $count") ;;
        esac
    done
}

# twice VERB ...: on the first image by the one program, on the second by the other.
twice() {
    local words=("$@")
    $first-img "${words[@]}" one.qcow2 > out 2>&1 || fail "$first-img $*: $(cat out)"
    $second-img "${words[@]}" two.qcow2 > out 2>&1 || fail "$second-img $*: $(cat out)"
}

sum_of_state() { # PROGRAM IMAGE
    $1-io -r -c "read -b -v -q 0 $most" "$2" | md5sum
}

compare_all() {
    local image
    for image in one.qcow2 two.qcow2; do
        clean $image
        qcow-img check -q $image || fail "qcow-img check $image"
    done
    same_disk one.qcow2 qcow2 two.qcow2 qcow2
    qcow-img compare -q one.qcow2 two.qcow2 || fail "qcow-img finds them different"
    "$vm_state" active one.qcow2 $most > one.state
    "$vm_state" active two.qcow2 $most > two.state
    same one.state two.state
    [[ $(sum_of_state qemu one.qcow2) == "$(sum_of_state qcow two.qcow2)" ]] ||
        fail "the programs read different states"
}

step() {
    local snapshot=s$1
    draw 12
    case $drawn in
    0 | 1)
        doing="snapshot -c $snapshot"
        twice snapshot -c "$snapshot"
        snapshots+=("$snapshot")
        ;;
    2)
        doing="save $snapshot"
        draw $most
        head -c "$drawn" one.state > saved
        "$vm_state" save one.qcow2 "$snapshot" 1 2 3 4 < saved
        "$vm_state" save two.qcow2 "$snapshot" 1 2 3 4 < saved
        "$vm_state" snapshot two.qcow2 "$snapshot" | cmp - saved || fail "saved another state"
        snapshots+=("$snapshot")
        ;;
    3 | 4)
        [[ ${#snapshots[@]} -gt 0 ]] || return 0
        draw ${#snapshots[@]}
        doing="snapshot -a ${snapshots[drawn]}"
        twice snapshot -a "${snapshots[drawn]}"
        size=$(qemu-img info --output=json one.qcow2 | grep -oPm1 '"virtual-size": \K[0-9]+')
        ;;
    5)
        [[ ${#snapshots[@]} -gt 0 ]] || return 0
        draw ${#snapshots[@]}
        doing="snapshot -d ${snapshots[drawn]}"
        twice snapshot -d "${snapshots[drawn]}"
        unset "snapshots[drawn]"
        snapshots=("${snapshots[@]}")
        ;;
    6)
        [[ $shape != *v2* ]] || return 0
        # (a larger disk of QEMU's shows the state that was in its way, a smaller one leaks it)
        draw 1500
        size=$(((drawn + 700) * 1024))
        doing="resize $size"
        qcow-img resize -q --shrink one.qcow2 $size
        qcow-img resize -q --shrink two.qcow2 $size
        ;;
    *)
        draw_batch
        doing="${batch[*]}"
        $first-io "${batch[@]}" one.qcow2 > out 2>&1 || fail "$first-io: $(cat out)"
        $second-io "${batch[@]}" two.qcow2 > out 2>&1 || fail "$second-io: $(cat out)"
        ;;
    esac
}

qemu-img create -q -f qcow2 base.qcow2 1M
qemu-io -c 'write -q -P 170 100k 900k' base.qcow2

for ((run = 0; run < runs; run++)); do
    RANDOM=$((seed % 32768))
    shape=${shapes[seed % ${#shapes[@]}]}
    size=1500160
    snapshots=()
    backing=()
    [[ $shape != *,backing ]] || backing=(-b base.qcow2 -F qcow2)
    for image in one.qcow2 two.qcow2; do
        qemu-img create -q -f qcow2 -o "${shape%,backing}" "${backing[@]}" $image $size
    done
    for n in 1 2 3 4 5 6 7 8 9; do
        if ((n % 2)); then first=qemu second=qcow; else first=qcow second=qemu; fi
        compare_all
        step $n
    done
    compare_all
    seed=$((seed + 1))
done
