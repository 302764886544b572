#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random operations on encrypted images, by QEMU and by us in turn: both programs read the same after each
# step.
set -eu
"$abs_top_builddir/tests/interop/differential" 0 7 encrypted
"$abs_top_builddir/tests/interop/differential" $((RANDOM + 100)) 4 encrypted
