#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# After a cut each sector is as at the last flush, or as written since.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '@(writes|bursts)-*' --seed 1 --states 40000
