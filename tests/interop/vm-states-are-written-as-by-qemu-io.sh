#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What write -b of both programs puts behind the disk lies in the same places, and each reads what the
# other wrote; snapshots keep it, and bring it back.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

vm_state=$abs_top_builddir/tests/interop/vm-state

# Across L1 entries that are there and entries that are not, over what was there before, in parts.
states=(-c 'write -b -q -P 1 0 10k' -c 'write -q -P 2 0 300k' -c 'write -b -q -P 3 4608 90k'
    -c 'write -b -q -P 4 3M 200k' -c 'discard -q 64k 128k' -c 'write -b -q -P 5 9M 512'
    -c 'write -b -q -P 8 12M 5M')
reads=(-c 'read -b -P 1 0 4608' -c 'read -b -P 3 4608 90k' -c 'read -b -P 4 3M 200k'
    -c 'read -b -P 5 9M 512' -c 'read -b -P 8 12M 5M' -c 'read -b -P 0 20M 64k')

try() { # SIZE OPTIONS
    local size=$1 options=$2 program
    for program in qemu qcow; do
        qemu-img create -q -f qcow2 -o "$options" $program.qcow2 "$size"
        $program-io "${states[@]}" $program.qcow2
        cp $program.qcow2 $program.before
        qemu-img snapshot -c first $program.qcow2
        $program-io -c 'write -b -q -P 6 4k 200k' -c 'write -q -P 7 100k 100k' $program.qcow2
        clean $program.qcow2
        qemu-img check $program.qcow2 > $program.check
    done
    same_layout qemu.before qcow.before
    same qemu.check qcow.check
    for program in qemu qcow; do
        $program-img snapshot -a first $program.qcow2
        clean $program.qcow2
        qcow-img check -q $program.qcow2
        qemu-io -r "${reads[@]}" $program.qcow2 > out || fail "$options: $(cat out)"
        qcow-io -r "${reads[@]}" $program.qcow2 > out || fail "$options: $(cat out)"
    done
    same_disk qemu.qcow2 qcow2 qcow.qcow2 qcow2
}

try 1M cluster_size=512
try 5M cluster_size=4k,compat=v2
try 300k cluster_size=4k,refcount_bits=2
try 1M cluster_size=16k,extended_l2=on
try 64M cluster_size=64k,lazy_refcounts=on
try 700M cluster_size=2M

# A backing file that is longer does not show in the VM state.
qemu-img create -q -f qcow2 base.qcow2 64M
qemu-io -c 'write -q -P 9 0 64M' base.qcow2
qemu-img create -q -f qcow2 -o cluster_size=4k -b base.qcow2 -F qcow2 above.qcow2 1M
qcow-io -c 'write -b -q -P 1 5k 1k' -c 'read -b -P 0 0 5k' -c 'read -b -P 0 6k 1M' above.qcow2 > out
clean above.qcow2

# Snapshots that record a state, of two machines one after the other.
for options in cluster_size=4k cluster_size=64k,compat=v2 cluster_size=16k,extended_l2=on; do
    qemu-img create -q -f qcow2 -o "$options" disk.qcow2 3M
    for n in 1 2; do
        fill state$n 0 $((n * 1234567))
        qemu-io -c "write -q -P $n 0 2M" disk.qcow2
        "$vm_state" save disk.qcow2 vm$n $((1600000000 + n)) $n 3723004000000 77 < state$n
        clean disk.qcow2
    done
    qemu-img snapshot -l disk.qcow2 > theirs
    qcow-img snapshot -l disk.qcow2 > ours
    same theirs ours
    grep -q 'vm1 *1.18 MiB .* 01:02:03.004 *77' ours || fail "the list says $(cat ours)"
    for n in 1 2; do
        "$vm_state" snapshot disk.qcow2 vm$n > read$n
        same state$n read$n
        qemu-img snapshot -a vm$n disk.qcow2
        "$vm_state" active disk.qcow2 "$(stat -c %s state$n)" > read$n
        same state$n read$n
        qemu-io -r -c "read -P $n 0 2M" disk.qcow2 > out
        clean disk.qcow2
    done
    # the state of the snapshot that was applied last is in the way of a larger disk
    if [[ $options != *v2* ]]; then
        qcow-img resize -q disk.qcow2 400M
        qemu-io -r -c 'read -P 2 0 2M' -c 'read -P 0 2M 398M' disk.qcow2 > out || fail "$(cat out)"
        clean disk.qcow2
    fi
    qcow-img snapshot -d vm1 disk.qcow2
    "$vm_state" snapshot disk.qcow2 vm2 > read2
    same state2 read2
    qcow-img snapshot -d vm2 disk.qcow2
    clean disk.qcow2
done
