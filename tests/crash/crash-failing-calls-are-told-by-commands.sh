#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# I3, I9: one change of a file fails in every command that writes, or the disk is full from then on, or there
# is no memory once: the command says so unless it does without, the image is good, and a new target
# is whole or not there.
# CRASH_SEED and CRASH_RUNS, the faults of each command and kind, may be set.
set -eu
. "$(dirname "$0")/commands.sh"

kinds=(eio enospc full memory)

fail_it()
{
    local kind=${kinds[$(($(below 4) - 1))]}

    [[ $name != served || $kind != memory ]] || kind=eio # nbdkit's own memory, too
    if [[ $kind == memory ]]; then
        run_and_look "$kind:$(below "$memory")"
    else
        run_and_look "$kind:$(below "$count")"
    fi
}

for_each_row fail_it
