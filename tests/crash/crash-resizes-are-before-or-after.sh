#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk has its old size or its new one, and the same content.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '@(resize|shrink|mixed)-*' --seed 4 --states 40000
