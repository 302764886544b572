#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Whoever asked hears of a failed write or flush, and the image stays good.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --faults 6 --seed 7
