#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The page of differences from qemu-img and qemu-io has an entry for each reason that rows and random lines
# give, and no other, unless it names a test.
set -eu
page=$abs_top_srcdir/man/qcow-img-differences.7
told() { python3 -B "$abs_top_srcdir/tests/cli/told.py" "$1" "$abs_top_srcdir/tests"; }
told "$page"

# It can fail: an entry that is missing, one that no row gives, and one whose test is not there, are found.
changed=$(mktemp)
trap 'rm -f "$changed" "$changed.said"' EXIT
sed -e 's/^\.B nothing is traced$/.B all is traced/' -e 's|^\.\\" crash/.*|.\\" crash/none.sh|' "$page" >"$changed"
! told "$changed" >"$changed.said" || { echo "nothing is missed"; exit 1; }
grep -qx 'usage.rows:[0-9]*: not told: nothing is traced' "$changed.said"
grep -qx 'no row differs because: all is traced' "$changed.said"
grep -qx 'compressed writes do not hit others: no such test: crash/none.sh' "$changed.said"
