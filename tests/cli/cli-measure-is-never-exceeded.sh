#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images that are made after measuring are never larger than what is required, and exactly as large
# as a fully allocated one when they are preallocated: also where the refcount table takes more than one
# cluster.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
failures=0

complain() {
    echo "$*"
    failures=$((failures + 1))
}

# measured NAME ARGUMENTS...
measured() {
    local name=$1
    shift
    qcow-img measure --output=json -O qcow2 "$@" | sed -n "s/.*\"$name\": \([0-9]*\).*/\1/p"
}

length() {
    stat -c %s "$1"
}

qcow-img create -q -f qcow2 base.qcow2 12M
qcow-io -c 'write -P 1 0 64k' -c 'write -P 2 1M 300k' -c 'write -P 3 5000k 3M' base.qcow2 >/dev/null
qcow-img snapshot -c one base.qcow2
qcow-img create -q -f qcow2 -b base.qcow2 -F qcow2 -o cluster_size=4k top.qcow2
qcow-io -c 'write -P 4 9M 2M' -c 'write -P 5 333 1' -c 'write -z 1M 64k' top.qcow2 >/dev/null
truncate -s 9000000 holes.raw
for at in 0 1000000 5000000 8999999; do
    printf x | dd of=holes.raw bs=1 seek=$at conv=notrunc status=none
done
dd if=/dev/urandom of=solid.raw bs=1M count=5 status=none

for options in cluster_size=64k cluster_size=4k,refcount_bits=1 cluster_size=512 \
    cluster_size=2M,refcount_bits=64 cluster_size=16k,compat=0.10; do
    for source in base.qcow2 top.qcow2 holes.raw solid.raw '-l one base.qcow2'; do
        # shellcheck disable=SC2086
        required=$(measured required -o $options $source)
        # shellcheck disable=SC2086
        qcow-img convert -q -O qcow2 -o $options $source copy.qcow2
        [ "$(length copy.qcow2)" -le "$required" ] ||
            complain "$source, $options: $(length copy.qcow2) bytes, required were $required"
    done
    qcow-img create -q -f qcow2 -o $options new.qcow2 6M
    required=$(measured required -o $options --size 6M)
    [ "$(length new.qcow2)" -le "$required" ] ||
        complain "new, $options: $(length new.qcow2) bytes, required were $required"
    for mode in falloc full; do
        full=$(measured fully-allocated -o $options --size 6M)
        [ "$(measured required -o $options,preallocation=$mode --size 6M)" -eq "$full" ] ||
            complain "$mode, $options: required is not the whole"
        qcow-img create -q -f qcow2 -o $options,preallocation=$mode new.qcow2 6M
        [ "$(length new.qcow2)" -eq "$full" ] ||
            complain "$mode, $options: $(length new.qcow2) bytes, fully allocated were $full"
    done
done

# A refcount table of more than one cluster.
dd if=/dev/urandom of=solid.raw bs=1M count=12 status=none
for options in cluster_size=512 cluster_size=512,refcount_bits=64 cluster_size=1k,refcount_bits=64; do
    full=$(measured fully-allocated -o $options --size 12M)
    qcow-img convert -q -O qcow2 -o $options solid.raw copy.qcow2
    [ "$(length copy.qcow2)" -le "$full" ] ||
        complain "solid, $options: $(length copy.qcow2) bytes, fully allocated were $full"
    qcow-img compare -q solid.raw copy.qcow2 || complain "solid, $options: not the same"
    qcow-img check -q copy.qcow2 || complain "solid, $options: damaged"
    qcow-img convert -q -O qcow2 -o $options solid.raw base.qcow2 both.qcow2
    [ "$(length both.qcow2)" -le $((full + $(measured required -o $options base.qcow2))) ] ||
        complain "two, $options: $(length both.qcow2) bytes"
    for mode in metadata falloc full; do
        qcow-img create -q -f qcow2 -o $options,preallocation=$mode new.qcow2 12M
        [ "$(length new.qcow2)" -eq "$full" ] ||
            complain "$mode, $options: $(length new.qcow2) bytes, fully allocated were $full"
        qcow-img check -q new.qcow2 || complain "$mode, $options: damaged"
    done
done

# Raw: the size in whole sectors.
[ "$(qcow-img measure --size 1000 | sed -n 's/required size: //p')" -eq 1024 ] ||
    complain "raw: 1000 bytes are two sectors"
exit $((failures > 0))
