#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images on NBD servers: a server that ends, fails or lies ends the work with a sentence, soon.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit

# fails TEXT COMMAND...: it ends with status 1 within seconds and says the text.
fails() {
    local text=$1 status=0
    shift
    timeout 20 "$@" > "$work/out.log" 2> "$work/fails.log" || status=$?
    [[ $status -eq 1 ]] || fail "$*: status $status"
    grep -qF -- "$text" "$work/fails.log" || fail "$*: did not say \"$text\""
}

cd "$work"
head -c 8M /dev/urandom > disk.raw

# the server is killed while it is read, and while it is written
serve read --filter=delay file disk.raw rdelay=500ms
(sleep 0.7; kill -9 "$server") &
fails 'lost' qcow-img convert -f raw -O qcow2 "$uri" out.qcow2
[[ ! -e out.qcow2 ]] || fail "half a copy was left"
serve write --filter=delay memory 8M wdelay=500ms
(sleep 0.7; kill -9 "$server") &
fails 'lost' qcow-img convert -n -f raw -O raw disk.raw "$uri"
serve flush --filter=delay --filter=log memory 8M delay-close=1 logfile="$work/requests"
(
    for ((i = 0; i < 100; i++)); do
        if grep -q Write "$work/requests" 2> /dev/null; then
            break
        fi
        sleep 0.1
    done
    kill -9 "$server"
) &
fails 'lost' qcow-io -f raw -t writeback -c 'write 0 64k' -c 'sleep 1500' -c flush "$uri"

# errors of the server
serve error --filter=error memory 8M error=ENOSPC error-pwrite-rate=100%
fails 'No space left' qcow-img convert -n -f raw -O raw disk.raw "$uri"
stop_server
serve error --filter=error file disk.raw error=EIO error-pread-rate=100%
fails 'Input/output error' qcow-img convert -f raw -O qcow2 "$uri" out.qcow2
stop_server
serve error --filter=error memory 8M error=EIO error-extents-rate=100%
fails 'find holes' qcow-img convert -f raw -O qcow2 "$uri" out.qcow2
stop_server
serve error --filter=error memory 8M error=EIO error-zero-rate=100% error-trim-rate=100%
fails 'Input/output error' qcow-io -f raw -c 'write -z -u 0 1M' "$uri"
stop_server

# sizes that cannot be true
serve large null 9223372036854775807
fails 'too large' qcow-img info -f raw "$uri"
stop_server
serve large null 9223372036854774784
timeout 10 qcow-img info -f raw "$uri" > out.log
fails 'not in qcow2 format' qcow-img info -f qcow2 "$uri"
stop_server
serve empty null 0
timeout 10 qcow-img info -f raw "$uri" > out.log
stop_server

# nobody there, or nobody who speaks NBD
fails 'Connection refused' qcow-img info "nbd://127.0.0.1:1"
fails 'No such file' qcow-img info "nbd:unix:$work/nothing"
serve http eval get_size='echo 1' open='exit 1'
fails 'Could not open' qcow-img info "$uri"
stop_server
