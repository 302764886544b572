#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Creating, applying and deleting snapshots happens wholly or not at all.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'snapshot*' --seed 3 --states 40000
