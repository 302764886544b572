# SPDX-License-Identifier: BSD-3-Clause
# own-folder.sh - what a shell test starts with: a folder of its own, which is the current one and goes
# at the end, programs without which there is nothing to test, a verdict
#
# A test, or what the tests of a room share, reads it with "." as its first act.

work=$(mktemp -d)
trap 'cd / && rm -rf "$work"' EXIT
cd "$work"

# needs PROGRAM...: or the test is skipped.
needs() {
    local program
    for program; do
        command -v "$program" >/dev/null || {
            echo "skipped: $program is not installed"
            exit 77
        }
    done
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
