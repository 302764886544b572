#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every path that README.md, CONTRIBUTING.md or a room's README names exists in the tree, and every
# source that a room's README names.
set -eu

cd "$abs_top_srcdir"

# A path is a word between backquotes, in a link's target or bare, that starts with the name of a
# folder or file at the top of the tree.
paths_in() {
    grep -oE '[][A-Za-z0-9_./*-]+' "$1" | sed -E 's/[.,;:]+$//; s|^\./||' |
        grep -E '^(common|lib|sandbox|cmd|nbdplugin|vmm-glue|tests|man|m4|build-aux|\.ci)/|^(autogen|quickstart)\.sh$|^[A-Z]+\.md$' |
        sort -u
}

fail=0
checked=0
for document in README.md CONTRIBUTING.md SECURITY.md */README tests/*/README; do
    while read -r path; do
        case $path in
            # Stand for a name that the reader puts there, or are made by a build.
            *NAME* | *\** | *.log | cmd/qcow-* | vmm-glue/qcow-vmm | */.libs/*) continue ;;
        esac
        checked=$((checked + 1))
        if [[ ! -e $path ]]; then
            echo "$document names $path, which does not exist"
            fail=1
        fi
    done < <(paths_in "$document")
done

# A room's README names its sources from where it stands, or from the library.
for document in */README; do
    while read -r name; do
        checked=$((checked + 1))
        if ! compgen -G "${document%README}$name" > /dev/null &&
            ! compgen -G "${document%README}*/$name" > /dev/null && [[ ! -e $name && ! -e lib/$name ]]; then
            echo "$document names $name, which does not exist"
            fail=1
        fi
    done < <(grep -oE '[A-Za-z0-9_/-]+\.([ch]|syms|mk)\b' "$document" | sort -u)
done

if [[ $checked -eq 0 ]]; then
    echo "found no path in any document: the search is broken"
    exit 1
fi
exit $fail
