#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every page of the manual is listed for installation, has the sections that readers look for, refers
# to pages that exist, and formats without a warning.
set -eu

# shellcheck source=tests/unit/manual-text.sh
. "$abs_top_srcdir/tests/unit/manual-text.sh"

# Aliases lie beside the pages after a build in the source tree.
pages=$(cd "$man" && grep -L '^\.so ' ./*.[1-8] | sed 's|^\./||')

known=$(echo "$pages"; listed '[a-z_]*_aliases')

diff <(listed man_pages | sort) <(sort <<< "$pages") ||
    complain "man_pages of sources.mk and the pages in man differ"

for page in $pages; do
    name=${page%.*}
    section=${page##*.}
    text=$(page_text "$page")

    title="^\\.TH ${name^^} $section "
    grep -qE -- "$title" <<< "$text" || complain "$page: .TH does not say ${name^^} $section"
    for heading in NAME DESCRIPTION 'SEE ALSO'; do
        grep -q "^\\.SH $heading\$" <<< "$text" || complain "$page: no section $heading"
    done
    while read -r name section; do
        case $name in
            qcow* | libqcow2 | nbdkit-qcow2-plugin) ;;
            *) continue ;; # of another package
        esac
        grep -qx "$name.$section" <<< "$known" ||
            complain "$page refers to $name($section), which does not exist"
    done < <(grep -oE '[a-z0-9_-]+ \([1-8]\)' <<< "$text" | tr -d '()')
done

if ! command -v groff > /dev/null; then
    [[ $fail -eq 0 ]] || exit 1
    echo "groff is not installed"
    exit 77
fi
for page in $pages; do
    warnings=$(groff -t -man -ww -z "$man/$page" 2>&1)
    [[ -z $warnings ]] || complain "$page: $warnings"
done
exit "$fail"
