#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# However many differences there are, the first is the one that is reported, to the sector.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

head -c 24M /dev/urandom > disk.raw
for ((i = 0; i < 20; i++)); do
    cp disk.raw other.raw
    first=$((25165824 * (i + 1) / 21))
    for at in $first $((first + 1)) $((first + 700000)) $((first + 1048576)); do
        byte=$(dd if=disk.raw bs=1 skip="$at" count=1 status=none | od -An -tu1)
        printf "\\x$(printf %x $((byte ^ 255)))" |
            dd of=other.raw bs=1 seek="$at" conv=notrunc status=none
    done
    run qcow-img compare -f raw -F raw disk.raw other.raw
    [[ $status -eq 1 ]] || fail "status $status"
    [[ $(cat out) == "Content mismatch at offset $((first - first % 512))!" ]] ||
        fail "the difference is at $first, but: $(cat out)"
done

# Progress goes with the offset, and ends where the comparison does.
run qcow-img compare -p -f raw -F raw disk.raw disk.raw
tr '\r' '\n' < out > steps
[[ $(head -n 1 steps) == "    (0.00/100%)" ]] || fail "the first step is $(head -n 1 steps)"
grep -qx "    (100.00/100%)" steps || fail "100% was not reached"
grep -qx "Images are identical." steps || fail "no verdict in $(cat steps)"
