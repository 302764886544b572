#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bitmap that is not marked as in use covers all that changed; bitmaps change wholly or not at all.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'bitmap*' --seed 5 --states 40000
