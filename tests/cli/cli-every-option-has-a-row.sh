#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every option of every verb, and every option of an image, is tried beside qemu-img in some row of the
# tables, or there is a reason why not.
set -eu
cli="$abs_top_srcdir/tests/cli"
python3 -B "$cli/covered.py" "$cli/rows/without" "$cli"/rows/*.rows

# The reasons name tests that exist.
while read -r name; do
    [ -n "$(find "$abs_top_srcdir/tests" -name "$name")" ] || { echo "there is no test $name"; exit 1; }
done < <(grep -o '[a-z-]*\.sh' "$cli/rows/without")

# It can fail: an option without a row is told, and so is a verb without a reason.
list=$(mktemp)
trap 'rm -f "$list" "$list.said"' EXIT
if python3 -B "$cli/covered.py" "$list" $(ls "$cli"/rows/*.rows | grep -v /more.rows) > "$list.said"; then
    echo "an option without a row is not told"
    exit 1
fi
grep -qx 'no row has convert --untrusted' "$list.said"
grep -qx 'no row has audit --output' "$list.said"
