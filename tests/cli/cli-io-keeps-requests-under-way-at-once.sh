#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Requests of aio_read are under way together, and at the prompt their ends are told while nobody
# types.
set -eu
command -v nbdkit >/dev/null || { echo "skipped: nbdkit is not installed"; exit 77; }
nbdkit --dump-plugin memory >/dev/null 2>&1 && nbdkit --filter=delay --version >/dev/null 2>&1 || {
    echo "skipped: nbdkit has no plugin memory or no filter delay"
    exit 77
}

top=$(mktemp -d)
server=
# Invoked by trap.
# shellcheck disable=SC2317
clean_up() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || :
    rm -rf "$top"
}
trap clean_up EXIT
cd "$top"

# Every read takes a second there.
nbdkit -f -U "$top/socket" --filter=delay memory 1M rdelay=1 &
server=$!
for _ in $(seq 100); do
    [ -S socket ] && break
    sleep 0.1
done
uri="nbd+unix:///?socket=$top/socket"
qcow-io -r -f raw -c length "$uri" >out 2>err || {
    grep -q 'left out of this build' err || { cat err; exit 1; }
    echo "skipped: this build cannot open images on NBD servers"
    exit 77
}

# One after the other they would take twelve seconds.
commands=()
for i in $(seq 0 11); do
    commands+=(-c "aio_read -P 0 $((i * 4096)) 4096")
done
begin=$(date +%s%N)
qcow-io -r -f raw "${commands[@]}" -c aio_flush "$uri" >out
milliseconds=$((($(date +%s%N) - begin) / 1000000))
[ "$(grep -c '^read 4096/4096 bytes at offset' out)" -eq 12 ] || { cat out; exit 1; }
[ "$milliseconds" -lt 9000 ] || { echo "12 requests took $milliseconds ms"; exit 1; }

# The input stays open, and says nothing more.
mkfifo input
qcow-io -r -f raw "$uri" <input >out &
program=$!
exec 3>input
echo 'aio_read 0 512' >&3
for _ in $(seq 100); do
    grep -q '512/512 bytes' out && break
    sleep 0.1
done
told=$(grep -c '512/512 bytes' out || :)
exec 3>&-
wait "$program"
[ "$told" -eq 1 ] || { echo "nothing was told before the input ended:"; cat out; exit 1; }
