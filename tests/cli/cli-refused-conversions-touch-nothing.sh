#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the options and the source of a conversion rule out is refused before the target that is there, or
# its data file, is emptied.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

fail() { echo "FAIL: $*"; ls -l; exit 1; }

head -c 1M /dev/urandom >disk.raw
qcow-img convert -f raw -O qcow2 disk.raw source
qcow-img bitmap --add source bitmap

# refused SENTENCE OPTION...
refused() {
    local sentence=$1
    shift
    echo target >target
    echo data >data
    if qcow-img convert -f qcow2 "$@" -O qcow2 source target >out 2>&1; then fail "$*: not refused"; fi
    grep -qF -- "$sentence" out || fail "$*: says $(cat out)"
    [ "$(cat target data 2>&1)" = $'target\ndata' ] || fail "$*: the files that were there are gone"
    rm target
    if qcow-img convert -f qcow2 "$@" -O qcow2 source target >out 2>&1; then fail "$*: not refused"; fi
    [ ! -e target ] || fail "$*: a target is there"
}

for version in 0.10 v2; do
    refused 'does not support bitmaps' --bitmaps -o compat=$version
done
refused 'Compression is not possible' -c -o data_file=data
refused 'refuses images that have a backing file' --untrusted -B disk.raw -F raw
refused 'refuses images that have a backing file' --untrusted -o backing_file=disk.raw,backing_fmt=raw

# And what it does not rule out is done.
qcow-img convert --bitmaps -O qcow2 -o compat=1.1 source target
qcow-img convert -O qcow2 -o data_file=data source target
qcow-img convert -O qcow2 -B disk.raw -F raw source target
