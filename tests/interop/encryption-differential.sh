#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random operations on encrypted images, with standard and (seeds 91 to 114) extended L2 entries, by QEMU and by us in
# turn: both programs read the same after each step.  SEED=N takes others.
set -eu
first=${SEED:-1}
echo "SEED=$first"
for seed in 0 $((first % 80 + 1)) $((first % 21 + 91)); do
    "$abs_top_builddir/tests/interop/differential" "$seed" 4 encrypted
done
