#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The state of a machine is as secret as its disk: what write -b of both programs puts into an encrypted
# image lies in the same places and is read by the other one; snapshots keep it.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"

vm_state=$abs_top_builddir/tests/interop/vm-state
export PASSWORD='open sesame'

# keyed PROGRAM FILE ARGUMENTS...: a verb of qemu-img or qcow-img that takes --image-opts.
keyed() {
    local program=$1 verb=$2 file=$3
    shift 3
    $program "$verb" "${secret[@]}" "$@" --image-opts "$(keys qcow2 "$file")"
}

states=('write -b -P 1 0 10k' 'write -P 2 0 300k' 'write -b -P 3 4608 90k' 'write -b -P 4 3M 200k'
    'discard 64k 128k' 'write -b -P 5 9M 512')
reads=('read -b -P 1 0 4608' 'read -b -P 3 4608 90k' 'read -b -P 4 3M 200k' 'read -b -P 5 9M 512'
    'read -b -P 0 20M 64k')

secret_states() { # SIZE OPTIONS
    local program plain
    qemu_makes create -q -f qcow2 "${secret[@]}" -o "$(options qcow2 $quick),$2" empty.qcow2 "$1"
    for program in qemu qcow; do
        cp empty.qcow2 $program.qcow2
        io $program-io qcow2 $program.qcow2 "${states[@]}"
    done
    same_layout qemu.qcow2 qcow.qcow2
    for program in qemu qcow; do
        keyed $program-img snapshot $program.qcow2 -c first
        io $program-io qcow2 $program.qcow2 'write -b -P 6 4k 200k' 'write -P 7 100k 100k'
    done
    for program in qemu qcow; do
        keyed $program-img snapshot $program.qcow2 -a first
        qemu_checks $program.qcow2
        qcow-img check -q $program.qcow2
        qemus_io qcow2 $program.qcow2 "${reads[@]}"
        our_reading qcow2 $program.qcow2 "${reads[@]}"
    done
    plain=$(head -c 512 /dev/zero | tr '\0' '\4')
    ! grep -qF "$plain" qcow.qcow2 || fail "$2: a state lies open in the file"
}

secret_states 1M cluster_size=512
secret_states 1M cluster_size=16k,extended_l2=on
secret_states 64M cluster_size=64k,lazy_refcounts=on,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256

# A state of any length, recorded by a snapshot.  (QEMU 7.2 itself ends with a failed assertion when it
# saves a machine into an encrypted image, or wakes one from it: the pieces are no whole sectors.)
qemu_makes create -q -f qcow2 "${secret[@]}" -o "$(options qcow2 $quick),cluster_size=4k" disk.qcow2 3M
fill state 0 1234567
our_io qcow2 disk.qcow2 'write -P 1 0 2M'
"$vm_state" save disk.qcow2 one 1600000000 0 0 - < state
our_io qcow2 disk.qcow2 'write -P 2 0 3M' 'write -b -P 3 0 2M'
keyed qcow-img amend disk.qcow2 -o refcount_bits=32
qemu_checks disk.qcow2
"$vm_state" snapshot disk.qcow2 one > read
same state read
keyed qemu-img snapshot disk.qcow2 -a one
qemu_checks disk.qcow2
"$vm_state" active disk.qcow2 1234567 > read
same state read
for program in qemu qcow; do
    io "$program-io -r" qcow2 disk.qcow2 'read -P 1 0 2M' 'read -b -v 0 64k' 'read -b -v 1M 64k'
    grep -v ' ops; ' io.out > $program.out
done
same qemu.out qcow.out
