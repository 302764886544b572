#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compressed clusters, which share host clusters, survive what overwrites their neighbours.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'compressed-*' --seed 6 --states 25000
