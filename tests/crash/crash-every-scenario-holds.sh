#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All scenarios, with one seed for all: CRASH_SEED names another.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --seed "${CRASH_SEED:-1}"
