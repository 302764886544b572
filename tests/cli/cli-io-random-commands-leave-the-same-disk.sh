#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random commands, some of them under way together, say and leave the same with qemu-io and qcow-io.
#
# Requests that are under way at once touch clusters of their own: which of two would come first is
# nobody's business.  QEMU cannot copy on read with extended L2 entries: it aborts, by an assertion.
# SEED=N takes another run.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

seed=${SEED:-1}
echo "SEED=$seed"
RANDOM=$((seed % 32768))

DISK=$((4 * 1024 * 1024))
commands=() # as arguments of the program; what follows adds to it (a subshell had numbers of its own)

add() {
    commands+=(-c "$*")
}

# A command of the foreground, anywhere on the disk.
add_random_command() {
    local offset=$((RANDOM * 128)) length=$((RANDOM * 8 + 1)) byte=$((RANDOM % 256))

    [ $((offset + length + 100)) -le $DISK ] || length=$((DISK - offset - 100))
    case $((RANDOM % 9)) in
        0 | 1 | 2) add write -P $byte $offset $length ;;
        3) add write -z $offset $length ;;
        4) add write -zu $offset $length ;;
        5) add discard $offset $length ;;
        6) add read -P $byte $offset $length ;;
        7) add writev -P $byte $offset 100 $length ;;
        8) add read -v $offset 16 ;;
    esac
}

# Several requests, each in 256 KiB of its own, and the end of them all.
add_random_burst() {
    local first=$((RANDOM % 16)) i

    for i in 0 1 2 3 4 5; do
        local offset=$(((first + i * 3) % 16 * 262144 + RANDOM))
        local length=$((RANDOM * 4 + 1)) byte=$((RANDOM % 256))

        case $((RANDOM % 4)) in
            0 | 1) add aio_write -P $byte $offset $length ;;
            2) add aio_write -z $offset $length ;;
            3) add aio_read -P $byte $offset $length ;;
        esac
    done
    add aio_flush
}

# make_image CREATION, in the current folder.
make_image() {
    rm -f base.qcow2 io.qcow2
    qemu-img create -q -f qcow2 base.qcow2 $DISK
    qemu-io -c 'write -P 85 200k 3M' base.qcow2 >/dev/null
    qemu-img create -q -f qcow2 -o "$1" -b base.qcow2 -F qcow2 io.qcow2
}

# run_round CREATION [OPTION]
run_round() {
    local creation=$1 folder
    shift

    commands=()
    for _ in 1 2 3 4 5 6; do
        for _ in 1 2 3 4; do
            add_random_command
        done
        add_random_burst
    done
    for folder in theirs ours; do
        (cd $folder && make_image "$creation")
    done
    run_twin theirs qemu-io "$@" "${commands[@]}" io.qcow2
    run_twin ours qcow-io "$@" "${commands[@]}" io.qcow2
    for folder in theirs ours; do
        sort $folder.said >$folder.sorted
        mv $folder.sorted $folder.said
    done
    compare_twins qemu-io "$@" "${commands[@]}" io.qcow2
    qemu-img check -q ours/io.qcow2
    qemu-img compare -q theirs/io.qcow2 ours/io.qcow2 && return
    echo "DIFFERENT disk: $creation $*: ${commands[*]}"
    differences=$((differences + 1))
}

for creation in cluster_size=64k cluster_size=4k,refcount_bits=8 extended_l2=on,cluster_size=32k; do
    run_round $creation
    run_round $creation -n
    case $creation in
        extended_l2*) ;;
        *) run_round $creation -C ;;
    esac
done
finish
