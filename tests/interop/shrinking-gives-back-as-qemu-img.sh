#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk that shrinks gives its space back to the host, and so does an overlay that is emptied: the file
# is no longer than QEMU leaves it, takes no more space, and keeps no more refcount blocks, wherever
# these, the refcount table and the data lie.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# number FILE OFFSET BYTES: a big-endian number.
number() {
    od -An -v -tu1 -j "$2" -N "$3" "$1" | awk '{ for (i = 1; i <= NF; i++) n = n * 256 + $i }
        END { printf "%d\n", n }'
}

# blocks FILE: entries of the refcount table that are not 0.
blocks() {
    od -An -v -tx8 -w8 -j "$(number "$1" 48 8)" \
        -N $(($(number "$1" 56 4) << $(number "$1" 20 4))) "$1" | grep -cv ' 0*$' || :
}

length() { stat -c %s "$1"; }
kib() { echo $(($(stat -c '%b * %B' "$1") / 1024)); }

# File systems count what they need themselves, for a file in pieces.
gives_back_as_much() {
    clean ours.qcow2
    qcow-img check -q ours.qcow2 || fail "$*: qcow-img check"
    same_disk ours.qcow2 qcow2 theirs.qcow2 qcow2
    (($(length ours.qcow2) <= $(length theirs.qcow2))) ||
        fail "$*: $(length ours.qcow2) bytes, QEMU leaves $(length theirs.qcow2)"
    (($(kib ours.qcow2) <= $(kib theirs.qcow2) + 16)) ||
        fail "$*: $(kib ours.qcow2) KiB in use, QEMU leaves $(kib theirs.qcow2)"
    (($(blocks ours.qcow2) <= $(blocks theirs.qcow2))) ||
        fail "$*: $(blocks ours.qcow2) refcount blocks, QEMU leaves $(blocks theirs.qcow2)"
}

# prepare OPTIONS SIZE STEP...: image.qcow2; a step is a command of qemu-io, or what snapshots do.
prepare() {
    local step
    qemu-img create -q -f qcow2 -o "$1" image.qcow2 "$2"
    shift 2
    for step; do
        case $step in
        snapshot*) qemu-img $step image.qcow2 ;;
        *) qemu-io -c "$step" image.qcow2 > out || fail "$step: $(cat out)" ;;
        esac
    done
}

# shrinks SIZE: image.qcow2, by both.
shrinks() {
    local program
    for program in qemu:theirs qcow:ours; do
        cp --sparse=always image.qcow2 "${program#*:}.qcow2"
        ${program%:*}-img resize -q --shrink "${program#*:}.qcow2" "$1"
    done
}

while IFS='|' read -r options size new steps; do
    IFS=, read -r -a steps <<< "$steps"
    prepare "$options" "$size" "${steps[@]}"
    shrinks "$new"
    gives_back_as_much "$options, $size to $new after ${steps[*]}"
done << 'EOF'
cluster_size=512,refcount_bits=1|4M|256k|write 3M 1M,write 0 3M
cluster_size=512|1M|256k|write 0 1M
cluster_size=512|1M|256k|write 256k 768k,write 0 256k
cluster_size=512|1M|100k|write 600k 300k
cluster_size=512|512k|100k|write 0 512k,snapshot -c a,write 0 512k
cluster_size=512|512k|100k|write 0 512k,snapshot -c a,write 0 512k,snapshot -d a
cluster_size=512|512k|100k|snapshot -c a,write 0 512k
cluster_size=512,refcount_bits=64|1M|256k|write 0 1M
cluster_size=512,refcount_bits=64|1M|256k|write 768k 256k,write 0 768k
cluster_size=512,refcount_bits=64|512k|512|write 0 512k,snapshot -c a,write 0 300k
cluster_size=512,compat=v2|1M|256k|write 768k 256k,write 0 768k
cluster_size=4k,refcount_bits=64|8M|2M|write 0 8M
cluster_size=4k,refcount_bits=64|8M|2M|write 2M 6M,write 0 2M
cluster_size=4k,refcount_bits=64|8M|512|write 4M 4M,snapshot -c a,write 6M 1M
cluster_size=16k,refcount_bits=64,extended_l2=on|8M|2M|write 0 1M,write 5000k 3M
cluster_size=64k|16M|4M|write 4M 12M,write 0 4M
cluster_size=64k,refcount_bits=64,preallocation=metadata|2G|300M|write 1500M 1M
cluster_size=64k,preallocation=metadata|5G|1G|write 0 1M,write 4G 2M
cluster_size=2M,refcount_bits=64,preallocation=metadata|1T|100G|write 800G 2M
EOF

# A refcount table that had grown, and lies behind what stays, does not keep the file long.
prepare cluster_size=512,refcount_bits=64 3M 'write 0 3M'
shrinks 100k
gives_back_as_much "a grown refcount table"
(($(length ours.qcow2) < 300000)) || fail "the refcount table keeps the file $(length ours.qcow2) long"

# Holes are punched for what is cut off, not for what the guest discards.
prepare cluster_size=64k 16M 'write 0 16M'
qcow-io -d ignore -c 'discard 4M 8M' image.qcow2 > out
(($(kib image.qcow2) >= 16384)) || fail "a discard gave space back that was not asked for"

for options in cluster_size=512,refcount_bits=64 cluster_size=4k,refcount_bits=64; do
    qemu-img create -q -f qcow2 base.qcow2 4M
    for program in qemu:theirs qcow:ours; do
        qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 -o $options "${program#*:}.qcow2"
        qemu-io -c 'write -q 0 4M' "${program#*:}.qcow2"
        ${program%:*}-img commit -q "${program#*:}.qcow2"
    done
    gives_back_as_much "$options, committed"
done
