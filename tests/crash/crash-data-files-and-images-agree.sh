#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An image and its data file, of which a cut may leave different moments, are one disk nevertheless;
# and a raw data file alone is that disk.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '*-*data*' --seed 1 --states 40000
"$crash_simulate" --scenario '@(writes|discard|resize|mixed)-*data*' --seed 1 --faults 4
