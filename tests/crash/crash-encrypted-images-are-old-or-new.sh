#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images encrypted by LUKS under power cuts, with snapshots, other sizes, other versions and discards.
# For more: crash-simulate --slow --scenario '*luks*' --states 100000
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --slow --seed 7 --subsets 2 --qemu-every 1500 \
    --scenario '@(writes-512|snapshot-life-4k|amend-versions-4k-v2|resize-4k)-luks*'
