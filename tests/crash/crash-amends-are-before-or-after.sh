#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Another version or refcount width takes effect wholly or not at all, and the guest sees nothing of it.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'amend*' --seed 3 --states 30000
