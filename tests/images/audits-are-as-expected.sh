#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# qcow-img audit finds in every image of this folder what the line "audit:" of its .expect says.
set -eu

images=$abs_top_srcdir/tests/images
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs xz

# The verdict and the names of the findings, as a line.
found() {
    qcow-img audit "$1" |
        sed -nE -e "1s/^[^:]*: ([a-z]+)$/\1/p" -e 's/^  (danger|caution|failed): ([^:]*): .*/\2/p' |
        awk '!seen[$0]++ && $0 != "damage"' | paste -sd' '
}

failures=0
audited=0
for expect in "$images"/*.expect; do
    name=$(basename "$expect" .expect)
    expected=$(sed -n 's/^audit: //p' "$expect")
    [[ -n $expected ]] || continue
    xz -dc "$images/$name.qcow2.xz" >"$name.qcow2"
    audited=$((audited + 1))
    [[ $(found "$name.qcow2") == "$expected" ]] && continue
    echo "$name: expected $expected, found:"
    qcow-img audit "$name.qcow2" || true
    failures=$((failures + 1))
done
[[ $audited -gt 50 ]] || {
    echo "audited $audited images only"
    exit 1
}
exit $((failures > 0))
