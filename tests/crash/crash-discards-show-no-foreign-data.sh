#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Freed clusters are reused only when nothing on disk refers to them any more.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '@(discard|reuse)-*' --seed 2 --states 40000
