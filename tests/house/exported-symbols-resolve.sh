#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The shared library exports exactly the functions that libqcow2.syms lists and qcow2.h declares,
# and a program that uses every one of them links and starts.
set -eu

library=$abs_top_builddir/lib/.libs/libqcow2.so
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

grep -oE '\bqcow2_[a-z0-9_]+;' "$abs_top_srcdir/lib/libqcow2.syms" | tr -d ';' | sort > "$work/listed"
nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort > "$work/exported"
grep -v '^ \*' "$abs_top_srcdir/lib/qcow2.h" | tr '\n' ' ' |
    grep -oE 'QCOW2_PUBLIC [^;(]*\(' | grep -oE 'qcow2_[a-z0-9_]+\($' | tr -d '(' | sort > "$work/declared"

[[ -s $work/listed ]] || { echo "libqcow2.syms lists no symbol: the search is broken"; exit 1; }
diff -u "$work/listed" "$work/exported" || { echo "listed and exported symbols differ"; exit 1; }
diff -u "$work/listed" "$work/declared" || { echo "listed and declared symbols differ"; exit 1; }

{
    echo '#include <qcow2.h>'
    echo 'typedef void (*function)(void);'
    echo 'function functions[] = {'
    sed 's/.*/    (function)&,/' "$work/listed"
    echo '};'
    echo 'int main(void) { return functions[0] == 0; }'
} > "$work/all.c"
# shellcheck disable=SC2086 # both variables may hold several words
${CC:-cc} ${CFLAGS-} -I"$abs_top_srcdir/lib" "$work/all.c" -o "$work/all" "$library"
LD_LIBRARY_PATH="$abs_top_builddir/lib/.libs" "$work/all"
