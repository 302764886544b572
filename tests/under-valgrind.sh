#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# under-valgrind.sh - run a shell test whose qcow-img and qcow-io run under valgrind
#
#   ./run under-valgrind.sh TEST        VALGRIND: the command and its options
set -eu
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
for program in qcow-img qcow-io; do
    built=$abs_top_builddir/cmd/.libs/$program # what libtool's script of that name starts
    [ -x "$built" ] || built=$abs_top_builddir/cmd/$program
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$VALGRIND" "$built" >"$bin/$program"
    chmod +x "$bin/$program"
done
PATH=$bin:$PATH bash "$@"
