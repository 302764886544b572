#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# cppcheck has nothing to say about the library, the programs and the plugin.
#
# What it says wrongly is in build-aux/cppcheck.supp, with the reasons.
set -eu

command -v cppcheck > /dev/null || { echo "skipped: cppcheck is not installed"; exit 77; }
cd "$abs_top_srcdir"
cppcheck -q --std=c11 --enable=warning,performance,portability \
    -I common -I lib -I sandbox -I cmd \
    --include=build-aux/cppcheck.h --suppressions-list=build-aux/cppcheck.supp \
    --template='{file}:{line}: {id}: {message}' --error-exitcode=1 \
    common lib sandbox cmd nbdplugin vmm-glue
