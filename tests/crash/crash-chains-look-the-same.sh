#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# I9, I4: rebase and commit, each above files that a cut hits, too.  The guest sees the same at any cut: the
# name in the header is switched after the content is durable, the image emptied after its base is.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '@(rebase|commit)*' --seed 5 --states 40000
"$crash_simulate" --scenario '@(rebase|commit)*' --seed 5 --faults 8
