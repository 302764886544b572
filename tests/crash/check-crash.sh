#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check-crash.sh - the long run of the power-cut simulation: make check-crash
#
# A row is a group of scenarios and how many seeds it is run with, which no other row has.  What a row
# finds goes to check-crash/NAME.log in the build folder; a row that has ended well is not run again, so
# that a run that was stopped goes on.  To begin anew remove the folder.  CRASH_ROWS names some rows only
# (a,b), CRASH_FACTOR multiplies the seeds.
set -eu
. "$(dirname "$0")/simulate.sh"

least_states=1000000
least_seeds=200

rows='
writes          15  @(writes|bursts)-*
discards        15  @(discard|reuse)-*
compressed      15  @(compressed|overwritten-streams)-*
snapshots       20  @(snapshots|snapshot-life)-*
resizes         15  @(resize|shrink)-*
amends          20  @(amend|amend-versions|amend-all)-*
states          10  states-*
mixed           20  mixed-*
growing         15  *-growing*
lazy            10  *lazy*
bitmaps         15  @(bitmaps|bitmap-life|bitmap-resize)-*
repairs         15  repairs-*
chains          25  @(rebase|commit)*
data-files      10  *data*
subclusters     10  *-extended*
places          10  *-in-@(window|image)* --slow
large-clusters   2  @(writes|discard|snapshots|resize|amend|compressed)-2M* --slow
'

factor=${CRASH_FACTOR:-1}
folder=$PWD/check-crash
mkdir -p "$folder"
states=0 seeds=0 violations=0 first=0

# told NAME WORD: the number before the word in the last line of a row.
told()
{
    sed -n "s/^crash: .*\<\([0-9]*\) $2.*/\1/p" "$folder/$1.log" | tail -n 1
}

has_ended_well()
{
    [[ -r $folder/$1.log && $(told "$1" violations) == 0 && $(told "$1" seeds) == "$2" ]]
}

while read -r name count pattern more; do
    [[ -n $name ]] || continue
    count=$((count * factor))
    first=$((first + 1000))
    [[ ,${CRASH_ROWS:-$name}, == *,$name,* ]] || continue
    has_ended_well "$name" "$count" ||
        "$crash_simulate" --scenario "$pattern" --seed "$first" --seeds "$count" $more \
            >"$folder/$name.log" || cat "$folder/$name.log"
    printf '%-15s %9d states, %3d seeds from %5d, %d violations\n' "$name" \
        "$(told "$name" 'distinct states')" "$count" "$first" "$(told "$name" violations)"
    states=$((states + $(told "$name" 'distinct states')))
    seeds=$((seeds + count))
    violations=$((violations + $(told "$name" violations)))
done <<<"$rows"

echo "$states distinct states, $seeds seeds, $violations violations"
[[ $violations -eq 0 ]] || exit 1
[[ -n ${CRASH_ROWS:-} || ($states -ge $least_states && $seeds -ge $least_seeds) ]] || {
    echo "too few: at least $least_states states and $least_seeds seeds are wanted"
    exit 1
}
