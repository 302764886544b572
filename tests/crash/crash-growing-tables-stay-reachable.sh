#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# New refcount blocks and a larger refcount table come into force in the right order.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '*-growing*' --seed 5 --states 30000
