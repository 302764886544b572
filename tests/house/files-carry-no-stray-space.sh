#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Source files carry no tab, no space at a line's end, no line of C wider than 100 characters, and their
# licence in the first lines.
set -eu
export LC_ALL=C.UTF-8

cd "$abs_top_srcdir"
tab=$'\t'
fail=0

sources=$(find common lib sandbox cmd nbdplugin vmm-glue tests -name '*.[ch]' -o -name '*.sh' -o -name '*.syms')
for file in $sources; do
    if grep -nE "$tab|[[:space:]]\$" "$file" /dev/null; then
        echo "$file: tabs or trailing space in the lines above"
        fail=1
    fi
    if [[ $file == *.[ch] ]] && grep -nE '^.{101}' "$file" /dev/null; then
        echo "$file: the lines above are wider than 100 characters"
        fail=1
    fi
    if [[ $file == *.syms ]]; then
        continue
    fi
    if ! head -n 2 "$file" | grep -q 'SPDX-License-Identifier: BSD-3-Clause'; then
        echo "$file: the first lines do not say SPDX-License-Identifier: BSD-3-Clause"
        fail=1
    fi
done
exit $fail
