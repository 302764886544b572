#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# I3, I3b, I9: the calls of real programs are recorded, and the power is cut at every instant of them: of nbdkit
# with the plugin and a client that flushes; of a conversion onto an image, of which each sector is old or
# new; of commands of which the guest sees nothing.  CRASH_SEED may be set.
set -eu
calls=${CALLS_LIBRARY:-$PWD/crash/.libs/calls.so}
replay=${CRASH_REPLAY:-$PWD/crash/crash-replay}
seed=${CRASH_SEED:-1}
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs nbdkit

fail()
{
    echo "$* (CRASH_SEED=$seed)"
    exit 1
}

recorded()
{
    env LD_PRELOAD="$calls" CALLS_FILE=disk.qcow2 CALLS_LOG="$work/log" "$@"
}

# Options of the image, then of the plugin.
serve()
{
    qcow-img create -q -f qcow2 -o "$1" disk.qcow2 700k
    cp disk.qcow2 before
    : >log
    "$replay" log before "$seed" -- env LD_PRELOAD="$calls" CALLS_FILE=disk.qcow2 \
        CALLS_LOG="$work/log" nbdkit -s --exit-with-parent "$QCOW2_PLUGIN" disk.qcow2 "${@:2}"
}

for options in cluster_size=512,refcount_bits=1 cluster_size=4k,lazy_refcounts=on cluster_size=64k \
    cluster_size=16k,extended_l2=on; do
    serve $options || fail "a cut of the server, $options"
done
serve cluster_size=4k cache=unsafe >unsafe && fail "a server that never flushes is not noticed"
grep -q VIOLATION unsafe || fail "$(cat unsafe)"

# OPTIONS OLD NEW COMMAND...: the command makes a disk of what OLD holds into that of NEW.
cut_command()
{
    qcow-img convert -f raw -O qcow2 -o "$1" "$2" disk.qcow2
    cp disk.qcow2 before
    rm -f log
    recorded qcow-img "${@:4}" >said 2>&1 || fail "$*: $(head -c 1000 said)"
    "$replay" log before "$2" "$3" || fail "a cut of: $*"
}

"$replay" --stamps 1400 "$((seed % 9973 + 1))" old
"$replay" --stamps 1400 "$((seed % 9973 + 2))" new
for options in cluster_size=512 cluster_size=64k cluster_size=16k,extended_l2=on,refcount_bits=64; do
    cut_command $options old new convert -n -m 1 -t writeback -f raw -O qcow2 new disk.qcow2
    cut_command $options old old amend -f qcow2 -o refcount_bits=32 disk.qcow2
done
cut_command cluster_size=4k old old amend -f qcow2 -o compat=v2 disk.qcow2
