#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With --untrusted no file is opened that an image names; info, check and snapshot -l never do.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

refused() {
    if "$@" >out 2>err; then
        echo "$*: not refused"
        exit 1
    fi
    [ -s err ] || {
        echo "$*: refused without a word"
        exit 1
    }
}

qcow-img create -q -f qcow2 base.qcow2 1M
qcow-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2
qcow-img create -q -f qcow2 -b top.qcow2 -F qcow2 third.qcow2

for verb in map 'snapshot -c x' 'resize +1M'; do
    set -- $verb
    first=$1
    shift
    case $first in
        resize) refused qcow-img resize --untrusted top.qcow2 "$@" ;;
        *) refused qcow-img "$first" --untrusted "$@" top.qcow2 ;;
    esac
done
refused qcow-img info --untrusted --backing-chain top.qcow2
refused qcow-img create -q --untrusted -f qcow2 -b top.qcow2 -F qcow2 new.qcow2
refused qcow-io --untrusted -c length top.qcow2
if qcow-io --untrusted -s -c length base.qcow2 >out 2>&1; then cat out; exit 1; fi
grep -q -- '-s wants a file of its own$' out
qcow-img map --untrusted base.qcow2 >/dev/null
qcow-img create -q --untrusted -f qcow2 -b base.qcow2 -F qcow2 new.qcow2

# A FIFO in place of the backing file would be waited for by whoever opened it.
rm base.qcow2
mkfifo base.qcow2
for verb in info check 'snapshot -l'; do
    # shellcheck disable=SC2086
    timeout 10 qcow-img $verb top.qcow2 >/dev/null
done
