#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An image that another program writes is refused in qemu-img's words, whichever program it is; -U
# reads it all the same.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 base.qcow2 10M
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2

both truncate -s 1M disk.raw

# Two holders, one of each kind, each with the named image open for writing.
hold() {
    mkfifo "$1.fifo" "$1.prompt"
    (cd "$1" && exec "$2" "${@:5}") <"$1.fifo" >"$1.prompt" 2>/dev/null &
    eval "exec $3>$1.fifo $4<$1.prompt"
    # The prompt says that it is open.
    head -c 8 <&"$4" >/dev/null
}

compare_locked() {
    same info base.qcow2
    same check base.qcow2
    same info -U base.qcow2
    same map -U base.qcow2
    same snapshot -c x base.qcow2
    same snapshot -l -U base.qcow2
    same resize base.qcow2 +1M
    same info top.qcow2
    same create -f qcow2 base.qcow2 1M
    same_io -c length base.qcow2
    same_io -r -c length base.qcow2
    same_io -r -U -c length base.qcow2
}

hold theirs qemu-io 3 4 base.qcow2
hold ours qemu-io 5 6 base.qcow2
compare_locked
exec 3>&- 5>&- 4<&- 6<&-
wait
rm -f ./*.fifo ./*.prompt
hold theirs qcow-io 3 4 base.qcow2
hold ours qcow-io 5 6 base.qcow2
compare_locked
exec 3>&- 5>&- 4<&- 6<&-
wait

# A raw image may be read while it is written, but not be converted then.
rm -f ./*.fifo ./*.prompt
hold theirs qemu-io 3 4 -f raw disk.raw
hold ours qemu-io 5 6 -f raw disk.raw
same convert -f raw -O qcow2 disk.raw x.qcow2
same convert -U -f raw -O qcow2 disk.raw x.qcow2
same compare -f raw -F raw disk.raw disk.raw
same map -f raw disk.raw
exec 3>&- 5>&- 4<&- 6<&-
wait
finish
