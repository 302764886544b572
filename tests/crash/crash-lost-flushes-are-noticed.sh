#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The simulation can fail: where no flush does anything, every scenario is found out; where one
# flush alone is lost, many are.
set -eu
. "$(dirname "$0")/simulate.sh"

output=$(mktemp)
trap 'rm -f "$output"' EXIT

fail()
{
    cat "$output"
    echo "$1"
    exit 1
}

# As many violations as scenarios.
if "$crash_simulate" --lose-flushes --qemu-every 0 --seed 8 >"$output"; then
    fail "the loss of all flushes was not noticed"
fi
scenarios=$(sed -n 's/^crash: .* \([0-9]*\) scenarios.*/\1/p' "$output")
violations=$(sed -n 's/^crash: .* \([0-9]*\) violations.*/\1/p' "$output")
[ "$scenarios" -ge 100 ] || fail "there were only $scenarios scenarios"
[ "$violations" -eq "$scenarios" ] || fail "$violations of $scenarios scenarios were noticed"

# What a guest writes, then flushes: two barriers; creating, applying and deleting a snapshot.  The
# flushes that only make free space known may be lost without harm.
noticed=0
for n in $(seq 1 40); do
    "$crash_simulate" --scenario snapshot-life-4k --lose-flush "$n" --qemu-every 0 --seed 1 \
        >"$output" || noticed=$((noticed + 1))
done
[ "$noticed" -ge 15 ] || fail "of 40 flushes the loss of only $noticed was noticed"
echo "$violations of $scenarios scenarios without flushes and $noticed of 40 single losses noticed"
