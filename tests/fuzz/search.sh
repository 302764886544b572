#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# search.sh - run targets for so much processor time each, several at once, and tell what came of it
#
#   FUZZ_SECONDS=N FUZZ_JOBS=N ./run tests/fuzz/search.sh FOLDER TARGET...      in a build for fuzzing
#
# FOLDER/NAME keeps what a target has found worth keeping, FOLDER/NAME-... what broke something, and
# FOLDER/NAME.done what was done so far.  When the search was stopped it goes on from there: a target that
# had its time is not run again.  A target that broke stops, until it is made again.
set -u

folder=$1
shift
export ASAN_OPTIONS=malloc_context_size=6:quarantine_size_mb=32:${ASAN_OPTIONS-}
seconds=${FUZZ_SECONDS:-10} jobs=${FUZZ_JOBS:-1}
slice=60 # seconds, at most, after which the time is counted
targets=$abs_top_builddir/tests/fuzz
seeds=$abs_top_srcdir/tests/fuzz/seeds
words=$abs_top_srcdir/tests/fuzz/words

# of the search so far: runs, milliseconds
progress() {
    local runs=0 used=0
    [ ! -f "$folder/$1.done" ] || read -r runs used <"$folder/$1.done"
    echo "$runs $used"
}

# What broke it, counted.
broken() {
    find "$folder" -maxdepth 1 -name "$1-*" -newer "$targets/$1" | wc -l
}

# one_slice NAME SECONDS: prints the processor time it took, in milliseconds
one_slice() {
    local name=$1 options=() TIMEFORMAT='%U %S'
    if [ -f "$words/$name" ]; then
        options+=(-dict="$words/$name")
    else
        options+=(-dict="$words/images")
    fi
    { time "$targets/$name" -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 -max_len=131072 \
        -print_final_stats=1 -verbosity=0 "${options[@]}" -artifact_prefix="$folder/$name-" \
        "$folder/$name" "$seeds/$name" >"$folder/$name.log" 2>&1; } 2>&1 |
        awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}

search() {
    local name=$1 runs used now
    read -r runs used < <(progress "$name")
    mkdir -p "$folder/$name"
    while [ "$used" -lt $((seconds * 1000)) ] && [ "$(broken "$name")" = 0 ]; do
        now=$(((seconds * 1000 - used + 999) / 1000))
        used=$((used + $(one_slice "$name" $((now < slice ? now : slice)))))
        runs=$((runs + $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/$name.log" | grep . || echo 0)))
        echo "$runs $used" >"$folder/$name.done"
    done
}

mkdir -p "$folder"
for name; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
        wait -n
    done
    search "$name" &
done
wait

total=0
printf '%-16s %12s %10s %8s %8s %8s\n' target runs seconds runs/s kept broken
for name; do
    read -r runs used < <(progress "$name")
    found=$(broken "$name")
    total=$((total + found))
    printf '%-16s %12d %10d %8d %8d %8d\n' "$name" "$runs" $((used / 1000)) \
        $((runs * 1000 / (used ? used : 1))) "$(find "$folder/$name" -type f | wc -l)" "$found"
done
[ $total = 0 ]
