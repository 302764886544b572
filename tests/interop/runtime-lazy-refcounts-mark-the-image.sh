#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# lazy-refcounts=on by who opens the image: as long as it is open and written it is marked as dirty, and
# its refcounts are made right by whoever opens it after a crash; =off is stronger than what the image says.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img

incompatible() { od -An -tx1 -j72 -N8 "$1" | tr -d ' '; }
dirty=0000000000000001 clean=0000000000000000

# killed FILE OPTIONS: write and flush, then the program is killed.
killed() {
    local pid
    mkfifo commands
    qcow-io --image-opts "driver=qcow2,file.filename=$1,$2" <commands >out 2>&1 &
    pid=$!
    exec 3>commands
    printf 'write -P 1 0 1M\nflush\nread -P 1 0 64k\n' >&3
    for _ in $(seq 200); do
        grep -q '^qcow-io> read\|^read' out && break
        sleep 0.05
    done
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
    exec 3>&-
    rm commands
}

qemu-img create -q -f qcow2 plain 16M
killed plain lazy-refcounts=on
[ "$(incompatible plain)" = $dirty ] || fail "written with lazy refcounts, it is not marked as dirty"
! qcow-img check -q plain >/dev/null 2>&1 || fail "the refcounts are right, so that they were not lazy"
cp plain other
qemu-io -f qcow2 -c 'read -P 1 0 1M' -c 'write -P 2 8M 64k' other >/dev/null 2>&1
qemu-img check -q other || fail "QEMU could not repair it"
qcow-io -c 'read -P 1 0 1M' -c 'write -P 2 8M 64k' plain >out
! grep -q failed out || fail "what was flushed is not there"
[ "$(incompatible plain)" = $clean ] || fail "it is still marked as dirty"
qemu-img check -q plain
qcow-img check -q plain

# Closed properly nothing is left of it.
qcow-io --image-opts driver=qcow2,file.filename=plain,lazy-refcounts=on -c 'write -P 3 0 64k' >out
[ "$(incompatible plain)" = $clean ] || fail "closed, it is marked as dirty"
qemu-img check -q plain

qemu-img create -q -f qcow2 -o lazy_refcounts=on lazy 16M
killed lazy lazy-refcounts=off
[ "$(incompatible lazy)" = $clean ] || fail "lazy-refcounts=off marks it as dirty"
qemu-img check -q lazy || fail "lazy-refcounts=off leaves wrong refcounts"
