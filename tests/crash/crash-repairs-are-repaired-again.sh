#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a cut leaves of a repair is no worse than before, and a second repair makes it clean.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'repairs*' --seed 12
"$crash_simulate" --scenario 'repairs*' --seed 12 --faults 2
