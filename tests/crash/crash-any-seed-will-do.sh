#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All scenarios with the seed of the day, which the last line tells: what it finds stays to be found
# until tomorrow.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --seed "${CRASH_SEED:-$(date -u +%Y%m%d)}"
