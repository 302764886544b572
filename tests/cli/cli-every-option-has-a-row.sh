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

# It can fail: an option without a row is told.
list=$(mktemp)
trap 'rm -f "$list"' EXIT
grep -v -e --untrusted "$cli/rows/without" > "$list"
if python3 -B "$cli/covered.py" "$list" "$cli"/rows/*.rows > "$list.said"; then
    echo "an option without a row is not told"
    exit 1
fi
grep -qx 'no row has convert --untrusted' "$list.said"
rm "$list.said"
