#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A snapshot that is there has the whole VM state that was saved, and the disk of that time.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'states-*' --seed 5 --states 30000
