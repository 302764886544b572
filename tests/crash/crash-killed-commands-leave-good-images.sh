#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# I13: every command that writes, and a server under load, killed in the middle of a random change of a
# file, and at a random moment of the time it takes: the image opens again without any step by hand, and
# nothing but leaks is found.  Where a moment falls depends on the machine, what must be true does not.
# CRASH_SEED and CRASH_RUNS, the kills of each command in either way, may be set.
set -eu
. "$(dirname "$0")/commands.sh"

kill_it()
{
    run_and_look "kill:$(below "$count")"
    run_and_look "moment:$(below "$moments")"
}

for_each_row kill_it
