#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# qcow-io and qemu-io make the same image, byte for byte, of the same compressed and plain writes,
# zeroes and discards over one another; at each step both checks are clean and both read the same.
# (QEMU refuses to write a compressed cluster over one that holds data; we do it.)
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# step MODE COMMAND...: each step is a process of its own, so that freed clusters may be used again.
# The mode is "ignore" for all but discards: else we punch out what copying on write leaves behind,
# and QEMU does not.
step() {
    local mode=$1 image
    shift
    qcow-io -d "$mode" -f qcow2 "${@/#/-c}" ours.qcow2 > log || fail "$options: $*: $(cat log)"
    qemu-io -d "$mode" -f qcow2 "${@/#/-c}" qemu.qcow2 > log || fail "$options: $*: QEMU: $(cat log)"
    for image in ours.qcow2 qemu.qcow2; do
        clean $image
        qcow-img check -q -f qcow2 $image || fail "$options: qcow-img check $image after $*"
    done
    same_disk ours.qcow2 qcow2 qemu.qcow2 qcow2
    qcow-img compare -q -f qcow2 -F qcow2 ours.qcow2 qemu.qcow2 || fail "$options: $* differ"
    same_layout ours.qcow2 qemu.qcow2
}

# over_data COMMAND...: what only we do.
over_data() {
    qcow-io -f qcow2 "${@/#/-c}" ours.qcow2 > log || fail "$options: $*: $(cat log)"
    clean ours.qcow2
    qcow-img check -q -f qcow2 ours.qcow2 || fail "$options: qcow-img check after $*"
}

make_text text 262144
for size in 4k 64k 2M; do
    n=$(numfmt --from=iec "${size^^}")
    last=$((10485760 - n))
    for more in '' refcount_bits=1 refcount_bits=64 compression_type=zstd; do
        options=cluster_size=$size,${more:-compat=1.1}
        qcow-img create -q -f qcow2 -o "$options" ours.qcow2 10485760
        qemu-img create -q -f qcow2 -o "$options" qemu.qcow2 10485760

        step ignore "write -c -P 1 0 $n" "write -c -P 2 $n $n" "write -c -s text $((2 * n)) $n"
        step ignore "write -P 3 0 $n"                # the whole of one
        step ignore "write -P 4 $((n + 512)) 1024"   # a part of one
        step unmap "discard $((2 * n)) $n"
        step ignore "write -c -s text $last $n" "write -c -P 5 $((3 * n)) $n"
        step ignore "write -z $last $n" "write -z -u 0 $n"
        step ignore "write -c -s text 0 $n"          # over zeroes
        step ignore "write -z 512 1024"
        step ignore "write -c -P 7 $last $n" "flush" "write -P 9 $last 512"

        over_data "write -c -P 1 $n $n" "write -c -s text $last $n"
        over_data "write -c -P 2 $last $n" "write -c -P 3 $n $n"
        qemu-io -f qcow2 "-cread -P 2 $last $n" "-cread -P 3 $n $n" ours.qcow2 > log
        grep -q 'failed' log && fail "$options: QEMU reads something else: $(cat log)"
    done
done

# What qemu-io refuses qcow-io refuses.
qcow-img create -q -f qcow2 ours.qcow2 1000448
for command in 'write -c 512 64k' 'write -c 0 1k' 'write -c 0 65k'; do
    for program in qcow-io qemu-io; do
        if $program -f qcow2 -c "$command" ours.qcow2 > log 2>&1; then
            fail "$program does not refuse $command"
        fi
    done
done

# Only at the end of the disk is a part a cluster.
qcow-io -f qcow2 -c 'write -c -P 3 960k 17408' ours.qcow2 > log || fail "the end: $(cat log)"
clean ours.qcow2
qemu-io -f qcow2 -c 'read -P 3 960k 17408' ours.qcow2 | grep -q '^17 KiB' || fail "not read back"
