#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A cut leaves an image with lazy refcounts marked as dirty wherever a refcount is wrong, and with
# nothing else wrong; the repair makes it clean and loses nothing.
set -eu
. "$(dirname "$0")/simulate.sh"

"$crash_simulate" --scenario '*lazy*' --seed 13
