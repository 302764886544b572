#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The table of qcow2(5) is whole and true: a row for each feature that lib/format/disk.h has a constant
# for (named in a comment above the row), and in each row tests that exist and that "make check" runs.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail=0
complain() {
    echo "$*"
    fail=1
}

disk=$abs_top_srcdir/lib/format/disk.h
{
    sed -nE 's/^#define ((INCOMPATIBLE|COMPATIBLE|AUTOCLEAR)_[A-Z0-9_]+) \(UINT64_C.*/\1/p' "$disk"
    sed -nE 's/^#define (EXTENSION_[A-Z_]+) 0x[0-9a-f]{8}u.*/\1/p' "$disk"
    grep -E '^enum ' "$disk" | grep -oE '\b(CRYPT|COMPRESSION)_[A-Z0-9_]+'
} | sort >"$work/constants"

# The table alone, with what only helps troff to break lines taken out.
sed -n '/^\.SH FEATURES/,/^\.TE/p' "$abs_top_srcdir/man/qcow2.5" | sed 's/\\://g; s/\\-/-/g' >"$work/table"
sed -nE 's/^\.\\" ([A-Z0-9_ ]+)$/\1/p' "$work/table" | tr ' ' '\n' | sort >"$work/rows"
diff -u "$work/constants" "$work/rows" || complain "the constants of disk.h (-) and the rows (+) differ"

# What make runs if nobody says TESTS=; what it was told itself is not passed on.
printf 'include Makefile\nprint-tests:\n\t@printf "%%s\\n" $(TESTS)\n' >"$work/print.mk"
(cd "$abs_top_builddir/tests" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -f "$work/print.mk" print-tests) |
    sort >"$work/run"

rows=0
tests=0
tab=$'\t'
mark='(yes|error|kept|gone|no|-)'
while IFS= read -r line; do
    case $line in
    *"${tab}T{")
        rows=$((rows + 1))
        named=0
        row=${line%%"$tab"*}
        [[ $line =~ ^[^$tab]+($tab$mark){4}${tab}T\{$ ]] || complain "\"$row\": not four marks in $line"
        ;;
    T})
        [[ $named -gt 0 ]] || complain "\"$row\" names no test, nor \"none\""
        ;;
    none) named=1 ;;
    [a-z]*/*)
        named=$((named + 1))
        tests=$((tests + 1))
        [[ -e $abs_top_srcdir/tests/$line || -e $abs_top_srcdir/tests/$line.c ]] ||
            complain "\"$row\" names tests/$line, which does not exist"
        grep -qxF -- "$line" "$work/run" || complain "\"$row\" names $line, which make check does not run"
        ;;
    esac
done <"$work/table"

[[ -s $work/constants && -s $work/run && $rows -gt 20 ]] || complain "found too little: the search is broken"
echo "$(wc -l <"$work/constants") constants, $rows rows, $tests tests named"
exit $fail
