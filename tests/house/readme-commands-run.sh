#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every command that README.md shows after a "$ " runs, in the order it is read.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in nbdkit nbdinfo nbdcopy; do
    if ! command -v "$program" > /dev/null; then
        echo "$program is not installed"
        exit 77
    fi
done

if ! nbdkit --dump-plugin qcow2 > /dev/null 2>&1; then
    echo "this build has no plugin for nbdkit"
    exit 77
fi

sed -n '/^```console$/,/^```$/ s/^\$ //p' "$abs_top_srcdir/README.md" > "$work/commands"
if [[ ! -s $work/commands ]]; then
    echo "found no command in README.md: the search is broken"
    exit 1
fi
cd "$work"
bash -eux commands
