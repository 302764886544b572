#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All scenarios with a seed that was never tried; the last line tells it.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --seed "${CRASH_SEED:-$(date +%s)}"
