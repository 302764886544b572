#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A compressed cluster that is overwritten in part, cleared or discarded frees its stream: nothing is
# put there while the last flush still points to it.  (QEMU 7.2 reuses it at once, and after a cut
# what was flushed cannot be read.)
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario 'overwritten-streams-*' --seed 3 --states 20000
