#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A link called qemu-img makes the tool speak as qemu-img.
set -eu
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

# In the build tree the command is a script of libtool's, and the program is beside it.
program=$(command -v qcow-img)
hidden=$(dirname "$program")/.libs/qcow-img
[ -x "$hidden" ] && program=$hidden
ln -s "$program" "$top/qemu-img"
cd "$top"

./qemu-img info nothere 2>err && exit 1
[ "$(cat err)" = "qemu-img: Could not open 'nothere': Could not open 'nothere': No such file or directory" ]
./qemu-img info 2>err && exit 1
grep -qx "Try 'qemu-img --help' for more information" err
./qemu-img --help | grep -q '^usage: qemu-img '
./qemu-img --version | grep -qE '^qemu-img version [0-9.]+ \(qcow-tools [0-9.]+\)$'
[ "$(./qemu-img --help | head -n 1)" = "$(./qemu-img --version)" ]
qcow-img --version | grep -qE '^qcow-img version [0-9.]+ \(qcow-tools\)$'
