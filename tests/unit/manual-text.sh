# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the tests of the manual share.  They read the sources of the pages, so that they need no
# formatter.

man=$abs_top_srcdir/man

fail=0
complain() {
    echo "$*"
    fail=1
}

# The page $1 without the escapes of roff that stand for letters and fonts.
page_text() {
    sed -E "s/\\\\f[A-Z]//g; s/\\\\-/-/g; s/\\\\\(aq/'/g; s/\\\\\(ha/^/g; s/\\\\e/\\\\/g" "$man/$1"
}

# Is the word $1 in the text on standard input, not as a part of a longer one?
has_word() {
    grep -qE -- "(^|[^A-Za-z0-9_-])$1([^A-Za-z0-9_-]|\$)"
}

# The pages that sources.mk lists in the variable $1.
listed() {
    sed -n "/^$1 =/,/[^\\\\]\$/p" "$man/sources.mk" | grep -oE '[a-z0-9_-]+\.[0-9]'
}
