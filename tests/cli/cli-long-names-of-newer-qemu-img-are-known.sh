#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Options have the long names, too, which qemu-img gave them after 7.2.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

expect() {
    local wanted=$1 got
    shift
    got=$("$@")
    [ "$got" = "$wanted" ] || {
        echo "$*: expected '$wanted', got '$got'"
        exit 1
    }
}

qcow-img create --quiet --format qcow2 --options cluster_size=4k base.qcow2 1M
qcow-img create --quiet --format qcow2 --backing base.qcow2 --backing-format qcow2 a.qcow2
qcow-img create -q -f qcow2 -b base.qcow2 -B qcow2 b.qcow2
qcow-img create -q -f qcow2 --backing gone -F qcow2 --backing-unsafe c.qcow2 1M
qcow-img info --format qcow2 --cache none --force-share a.qcow2 | grep -qx 'backing file: base.qcow2'
expect '[{ "start": 4096, "length": 8192, "depth": 1, "present": false, "zero": true, "data": false}]' \
    qcow-img map --start-offset 4k --max-length 8k --output json a.qcow2
qcow-img snapshot --create one a.qcow2
qcow-img snapshot -t directsync --list a.qcow2 | grep -q one
qcow-img snapshot -q --cache unsafe --create two a.qcow2
qcow-img snapshot -q --cache none --delete two a.qcow2
qcow-img snapshot --apply one a.qcow2
qcow-img snapshot --delete one a.qcow2
expect '' qcow-img snapshot --list a.qcow2
expect '' qcow-img resize --quiet a.qcow2 2M
qcow-img check --source-cache none --quiet a.qcow2
