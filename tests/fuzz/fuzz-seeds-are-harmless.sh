#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every seed, and every input that once broke something, breaks nothing in the target it belongs to.
set -eu

seeds=$abs_top_srcdir/tests/fuzz/seeds
count=0
for folder in "$seeds"/*/; do
    name=$(basename "$folder")
    program=$abs_top_builddir/tests/fuzz/$name
    files=("$folder"*)
    "$program" "${files[@]}" > "$name.out" 2>&1 || {
        tail -n 20 "$name.out"
        echo "FAILED: $name"
        exit 1
    }
    count=$((count + ${#files[@]}))
    rm -f "$name.out"
done
echo "$count inputs"
[[ $count -ge 30 ]]
