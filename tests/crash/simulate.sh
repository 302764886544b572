# SPDX-License-Identifier: BSD-3-Clause
# simulate.sh - find crash-simulate for the tests that source this
crash_simulate=${CRASH_SIMULATE:-$PWD/crash/crash-simulate}
[ -x "$crash_simulate" ] || {
    echo "$crash_simulate is not built: make check builds it, or set CRASH_SIMULATE" >&2
    exit 99
}
