#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random operations on encrypted images, with standard and (seeds 91 to 114) extended L2 entries, by QEMU and by us in
# turn: both programs read the same after each step.
set -eu
for seed in 0 $((RANDOM % 80 + 1)) $((RANDOM % 21 + 91)); do
    "$abs_top_builddir/tests/interop/differential" "$seed" 4 encrypted
done
