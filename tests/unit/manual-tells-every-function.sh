#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every function that the library exports is declared in the synopsis of one page of section 3, as
# qcow2.h declares it, and can be found under its own name; so are the flags.
set -eu

# shellcheck source=tests/unit/manual-text.sh
. "$abs_top_srcdir/tests/unit/manual-text.sh"
header=$abs_top_srcdir/lib/qcow2.h

functions=$(grep -oE '\bqcow2_[a-z0-9_]+;' "$abs_top_srcdir/lib/libqcow2.syms" | tr -d ';')
[[ -n $functions ]] || { echo "found no function in libqcow2.syms: the search is broken"; exit 1; }

# The synopsis of page $1 as C, without macros, quotes and white space.
synopsis() {
    page_text "$1" | sed -n '/^\.SH SYNOPSIS/,/^\.SH DESCRIPTION/p' | sed -E 's/^\.BI? //; s/"//g' |
        tr -d ' \n'
}

# What qcow2.h says about function $1, without white space.
declaration() {
    tr -d ' \n' < "$header" | grep -oE "QCOW2_PUBLIC[a-z0-9_*]*$1\\([^)]*\\);" | sed 's/QCOW2_PUBLIC//'
}

# "NAME PAGE" for each name that a page of section 3 gives itself.
owners=$(cd "$man" && grep -l '^\.SH NAME' qcow2_*.3 | while read -r page; do
    page_text "$page" | sed -n '/^\.SH NAME/,/^\.SH SYNOPSIS/p' | tr -s ' \n' ' ' | sed 's/ - .*//' |
        grep -oE 'qcow2_[a-z0-9_]+' | sed "s/\$/ $page/"
done)

for function in $functions; do
    pages=$(sed -n "s/^$function //p" <<< "$owners")
    if [[ $(wc -w <<< "$pages") -ne 1 ]]; then
        complain "$function is named by these pages: ${pages:-none}"
        continue
    fi
    if [[ $pages != "$function.3" ]]; then
        group=${pages#qcow2_}
        listed "${group%.3}_aliases" | grep -qx "$function.3" ||
            complain "${group%.3}_aliases does not list $function.3, so that man does not find it"
    fi
    declared=$(declaration "$function")
    [[ -n $declared ]] || { complain "qcow2.h does not declare $function: the search is broken"; continue; }
    [[ $(synopsis "$pages") == *"$declared"* ]] ||
        complain "$pages does not declare $function as qcow2.h does: $declared"
done

while read -r page; do
    [[ $(page_text libqcow2.3 | grep -cxE "\.BR ${page%.3} \(3\)[,.]?") -ge 2 ]] ||
        complain "libqcow2.3 does not list $page both among the pages and under SEE ALSO"
done < <(cd "$man" && ls qcow2_*.3)

while read -r name; do
    cat "$man"/qcow2_*.3 | has_word "$name" || complain "no page tells what $name means"
done < <(grep -oE '\bQCOW2_[A-Z0-9_]*[A-Z0-9]\b' "$header" | sort -u | grep -vxE 'QCOW2_(H|PUBLIC)')
exit "$fail"
