#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A chain that comes back to itself, under whatever name, is an error and not an endless list.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

qcow-img create -q -f qcow2 -u -b two.qcow2 -F qcow2 one.qcow2 1M
qcow-img create -q -f qcow2 -u -b ./link.qcow2 -F qcow2 two.qcow2 1M
ln one.qcow2 link.qcow2
for output in human json; do
    if qcow-img info --backing-chain --output "$output" one.qcow2 >out 2>err; then
        echo "the loop was not seen"
        exit 1
    fi
    grep -qx "qcow-img: Backing file './link.qcow2' creates an infinite loop." err
done
qcow-img info one.qcow2 >/dev/null
for verb in map 'snapshot -c x'; do
    # shellcheck disable=SC2086
    if timeout 10 qcow-img $verb one.qcow2 >out 2>err; then
        echo "$verb opened a loop"
        exit 1
    fi
    grep -q "loop" err
done
