#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# New encrypted images have the length and the places of QEMU's, whatever the options; preallocated ones
# read as zeroes; and what was measured is enough.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"

crypto_extension() {
    # type 0x0537be77, length 16: offset and length of the encryption header
    xxd -p -l 512 "$1" | tr -d '\n' | grep -oE '0537be7700000010.{32}'
}

while read -r size image_options; do
    rm -f ours qemus
    creation=$(options qcow2 "$quick")$image_options
    qcow-img create -q "${secret[@]}" -f qcow2 -o "$creation" ours "$size"
    qemu_makes create -q "${secret[@]}" -f qcow2 -o "$creation" qemus "$size"
    [[ $(crypto_extension ours) == "$(crypto_extension qemus)" ]] ||
        fail "$size $image_options: the header is at $(crypto_extension ours), not $(crypto_extension qemus)"
    [[ $(stat -c %s ours) == "$(stat -c %s qemus)" ]] ||
        fail "$size $image_options: $(stat -c %s ours) bytes, not $(stat -c %s qemus)"
    qemu_checks ours
    qcow-img check -q ours || fail "our check of $size $image_options"
    our_io qcow2 ours "read -P 0 0 $size"
    measured=$(qcow-img measure -O qcow2 "${secret[@]}" -o "$creation" --size "$size" |
        sed -n 's/required size: //p')
    # what metadata alone reserves counts as allocated in the file's length only
    [[ $(stat -c %s ours) -le $measured || $image_options == *=metadata ]] || fail "$size $image_options: measured $measured"
    our_io qcow2 ours 'write -P 1 100 200k'
    qemus_io qcow2 ours 'read -P 1 100 200k' 'read -P 0 0 100'
    qemu_checks ours
done << 'END'
300M ,cluster_size=512,compat=0.10
8M ,cluster_size=2M,refcount_bits=1
8M ,preallocation=metadata
4M ,extended_l2=on,cluster_size=16k,refcount_bits=64
END

# Reserved and written space, and growing into it.
for mode in falloc full; do
    rm -f ours
    qcow-img create -q "${secret[@]}" -f qcow2 -o "$(options qcow2 "$quick"),preallocation=$mode" ours 4M
    qcow-img resize -q "${secret[@]}" --preallocation=$mode --image-opts "$(keys qcow2 ours)" 6M
    [[ $(stat -c %b ours) -ge $((6 * 2048)) ]] || fail "$mode holds $(stat -c %b ours) blocks"
    our_io qcow2 ours 'read -P 0 0 6M' 'write -P 5 5M 1000'
    qemus_io qcow2 ours 'read -P 0 0 5M' 'read -P 5 5M 1000' 'read -P 0 5243880 1047576'
    qemu_checks ours
done
