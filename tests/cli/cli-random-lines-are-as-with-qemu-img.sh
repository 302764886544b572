#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random command lines, and sequences of them on the same images, do the same with qemu-img and with
# qcow-img.  SEED=N takes others; make check-lines takes many (lines.py tells how one is repeated).
set -eu

lines() {
    python3 -B "$abs_top_srcdir/tests/cli/lines.py" --seed "${SEED:-1}" "$@"
}

lines --lines 60
lines --sequences 6
