#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every verb of qcow-img has a page, on which all options of the verb are, short and long; every option
# and command of qcow-io is on its page.
set -eu

# shellcheck source=tests/unit/manual-text.sh
. "$abs_top_srcdir/tests/unit/manual-text.sh"

# The options that a help text on standard input begins its lines with.
options_in() {
    grep -E '^  -' | grep -oE -- '(^|[ ,])--?[A-Za-z][a-z-]*' | tr -d ' ,'
}

# Page $1 has an option's description for each option on standard input, for the program $2.
check_options() {
    local option count=0

    while read -r option; do
        count=$((count + 1))
        page_text "$1" | sed -n '/^\.SH OPTIONS/,$p' | has_word "$option" ||
            complain "$1 does not describe $option of $2"
    done
    [[ $count -gt 2 ]] || complain "found $count options in the help of $2: the search is broken"
}

verbs=$(qcow-img --help | sed -n '/^Verbs:/,/^$/ s/^  \([a-z]*\) .*/\1/p')
[[ $(wc -w <<< "$verbs") -gt 5 ]] || complain "found no verbs in the help: the search is broken"
for verb in $verbs; do
    page=qcow-img-$verb.1
    if [[ ! -e $man/$page ]]; then
        complain "qcow-img $verb has no page"
        continue
    fi
    check_options "$page" "qcow-img $verb" < <(qcow-img "$verb" --help | options_in)
    page_text qcow-img.1 | grep -q "qcow-img-$verb (1)" || complain "qcow-img.1 does not name $page"
done
check_options qcow-img.1 qcow-img < <(qcow-img --help | options_in)
check_options qcow-io.1 qcow-io < <(qcow-io --help | options_in)

for command in $(qcow-io -c help | sed -n 's/^\([a-z_]*\) .*--.*/\1/p'); do
    page_text qcow-io.1 | sed -n '/^\.SH COMMANDS/,$p' | has_word "$command" ||
        complain "qcow-io.1 does not describe the command $command"
done

# Pages of verbs that are gone.
for page in "$man"/qcow-img-*.1; do
    verb=${page##*/qcow-img-}
    grep -qx "${verb%.1}" <<< "$verbs" || complain "${page##*/} is about a verb that does not exist"
done
exit "$fail"
