#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is measured is enough whatever the new image is made like, and whatever the source holds: snapshots,
# streams, subclusters, a backing file, bitmaps.  What is measured for a whole disk is what a preallocated
# one takes.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
failures=0

complain() {
    echo "$*"
    failures=$((failures + 1))
}

length() {
    stat -c %s "$1"
}

# measure ARGUMENTS...: the figures as variables.
measure() {
    qcow-img measure --output=json -O qcow2 "${secret[@]}" "$@" >json
    required=$(sed -n 's/.*"required": \([0-9]*\).*/\1/p' json)
    whole=$(sed -n 's/.*"fully-allocated": \([0-9]*\).*/\1/p' json)
    bitmaps=$(sed -n 's/.*"bitmaps": \([0-9]*\).*/\1/p' json)
}

printf 'open sesame' >password
secret=(--object secret,id=pw,file=password)
luks=encrypt.format=luks,encrypt.key-secret=pw,encrypt.iter-time=10
qcow-img create -q -f qcow2 -o cluster_size=4k base.qcow2 5M
qcow-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 300k' base.qcow2 >/dev/null
qcow-img snapshot -c one base.qcow2
qcow-img bitmap --add -g 512 base.qcow2 fine
qcow-img bitmap --add -g 64k --disable base.qcow2 coarse
qcow-io -c 'write -c -P 7 3M 1M' -c 'write -P 9 1M 64k' -c 'write -P 3 4M 700k' base.qcow2 >/dev/null
qcow-img create -q -f qcow2 -o extended_l2=on,cluster_size=16k -b base.qcow2 -F qcow2 top.qcow2
qcow-io -c 'write -P 4 2M 200' -c 'write -P 5 333 1' -c 'write -z 1M 2k' top.qcow2 >/dev/null

for options in cluster_size=512 cluster_size=1k,refcount_bits=64 cluster_size=2k,refcount_bits=2 \
    cluster_size=8k,refcount_bits=32 cluster_size=32k,refcount_bits=4 cluster_size=128k \
    cluster_size=256k,refcount_bits=8 cluster_size=512k cluster_size=1M,refcount_bits=1 \
    cluster_size=16k,extended_l2=on cluster_size=2M,extended_l2=on,refcount_bits=64 \
    $luks $luks,cluster_size=512 $luks,cluster_size=1k $luks,extended_l2=on,cluster_size=16k,refcount_bits=1; do
    for source in base.qcow2 top.qcow2; do
        measure -o "$options" $source
        rm -f copy.qcow2
        qcow-img convert -q "${secret[@]}" -O qcow2 -o "$options" $source copy.qcow2
        [ "$(length copy.qcow2)" -le "$required" ] ||
            complain "$source, $options: $(length copy.qcow2) bytes, required were $required"
    done
    measure -o "$options" --size 7M
    rm -f copy.qcow2
    qcow-img create -q "${secret[@]}" -f qcow2 -o "$options,preallocation=falloc" copy.qcow2 7M
    [ "$(length copy.qcow2)" -eq "$whole" ] ||
        complain "$options: $(length copy.qcow2) bytes, fully allocated were $whole"
done

for options in cluster_size=512 cluster_size=64k extended_l2=on; do
    measure -o $options base.qcow2
    rm -f copy.qcow2
    qcow-img convert -q --bitmaps -O qcow2 -o $options base.qcow2 copy.qcow2
    [ "$(length copy.qcow2)" -le $((required + bitmaps)) ] ||
        complain "bitmaps, $options: $(length copy.qcow2) bytes, not $required and $bitmaps"
done

# A refcount table of more than one cluster.
dd if=/dev/urandom of=solid.raw bs=1M count=6 status=none
for options in $luks,cluster_size=512 $luks,cluster_size=1k,refcount_bits=64; do
    measure -o "$options" solid.raw
    rm -f copy.qcow2
    qcow-img convert -q "${secret[@]}" -O qcow2 -o "$options" solid.raw copy.qcow2
    [ "$(length copy.qcow2)" -le "$required" ] ||
        complain "solid, $options: $(length copy.qcow2) bytes, required were $required"
done

# Both files; the data file is as long as the disk, with holes.
for options in cluster_size=512 cluster_size=16k,extended_l2=on data_file_raw=on; do
    measure -o $options,data_file=data base.qcow2
    rm -f copy.qcow2
    qcow-img convert -q -O qcow2 -o $options,data_file=data base.qcow2 copy.qcow2
    [ $(($(length copy.qcow2) + $(stat -c %b data) * 512)) -le "$required" ] ||
        complain "$options: $(length copy.qcow2) and $(stat -c %b data) blocks, required were $required"
    rm -f copy.qcow2
    qcow-img create -q -f qcow2 -o $options,data_file=data,preallocation=full copy.qcow2 5M
    [ $(($(length copy.qcow2) + $(length data))) -le "$whole" ] ||
        complain "$options: $(length copy.qcow2) and $(length data) bytes, fully allocated were $whole"
done
exit $((failures > 0))
