#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The program that libqcow2(3) shows compiles without a warning, runs, prints what the page says and
# leaves an image without errors.
set -eu

# shellcheck source=tests/unit/manual-text.sh
. "$abs_top_srcdir/tests/unit/manual-text.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The example of number $1 in the page's section EXAMPLE.
example() {
    page_text libqcow2.3 | sed -n '/^\.SH EXAMPLE/,/^\.SH SEE/p' |
        awk -v wanted="$1" '/^\.EE/ { inside = 0 } inside { print } /^\.EX/ { inside = ++n == wanted }'
}

example 1 > "$work/example.c"
example 2 > "$work/expected"
[[ -s $work/example.c && -s $work/expected ]] || { echo "found no example in libqcow2.3"; exit 1; }

# shellcheck disable=SC2086 # both variables may hold several words
${CC:-cc} ${CFLAGS-} -Wall -Wextra -Werror -I"$abs_top_srcdir/lib" "$work/example.c" \
    -o "$work/example" "$abs_top_builddir/lib/.libs/libqcow2.so"
"$work/example" "$work/disk.qcow2" > "$work/printed"
diff -u "$work/expected" "$work/printed"
qcow-img check -q "$work/disk.qcow2"

if "$work/example" "$work/no-such-folder/disk.qcow2" > "$work/printed" 2> "$work/error"; then
    echo "the example takes a failure for success"
    exit 1
fi
grep -q 'No such file or directory' "$work/error"
