#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The page of differences from qemu-img and qemu-io has an entry for each reason that rows and random lines
# give, and no other, unless it names a test.
set -eu
python3 -B "$abs_top_srcdir/tests/cli/told.py" "$abs_top_srcdir/man/qcow-img-differences.7" "$abs_top_srcdir/tests"
