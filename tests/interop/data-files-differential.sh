#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random operations on images with external data files, plain and raw ones, with standard and with
# extended L2 entries, half of them by QEMU: both programs read the same after each step.
set -eu
for seed in 0 91; do
    "$abs_top_builddir/tests/interop/differential" $seed 7 data-files
done
