#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images on NBD servers: random requests of several threads find what was written, whatever the server
# can and cannot do.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit qemu-nbd

model="$abs_top_builddir/tests/nbd/store-model"

against() {
    local name=$1
    shift
    serve "$name" "$@"
    "$model" "$uri" > "$work/model.log" 2>&1 || {
        cat "$work/model.log"
        fail "$name: nbdkit $*"
    }
    stop_server
}

against plain memory 8M
against no-zero --filter=nozero memory 8M
against no-extents --filter=noextents memory 8M

against one-connection --filter=multi-conn memory 8M multi-conn-mode=disable
against one-request --filter=noparallel memory 8M serialize=connections
against blocks --filter=blocksize-policy memory 8M blocksize-minimum=4096 \
    blocksize-error-policy=error blocksize-maximum=65536
against large-blocks --filter=blocksize-policy memory 8M blocksize-minimum=65536 blocksize-preferred=65536 \
    blocksize-error-policy=error
against short-extents --filter=cacheextents --filter=cow memory 8M
truncate -s 8M "$work/file"
against file file "$work/file"

truncate -s 8M "$work/disk"
qemu-nbd --fork --pid-file="$work/qemu.pid" -t -e 8 -f raw -k "$work/qemu.sock" "$work/disk"
servers+=("$(cat "$work/qemu.pid")")
"$model" "nbd+unix:///?socket=$work/qemu.sock"
