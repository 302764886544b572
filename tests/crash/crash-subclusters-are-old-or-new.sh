#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Subclusters are written, zeroed and copied inside clusters that stay: each is old or new, and those
# beside it do not change.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '*-extended*' --seed 8 --states 40000
