#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images on NBD servers: with reconnect-delay, a server may end and come back, and whatever it had not
# flushed is written once more; with open-timeout, it may start later.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit qemu-nbd

model="$abs_top_builddir/tests/nbd/store-model"

cd "$work"
head -c 8M /dev/urandom > disk.raw

# keys NAME: those of the export.
keys() {
    echo "driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=$work/$1.sock"
}

# wait_request NAME WORD: until the server's log says that a request of this kind has come.
wait_request() {
    for ((i = 0; i < 200; i++)); do
        if grep -q "$2" "$work/$1.requests" 2> /dev/null; then
            return
        fi
        sleep 0.05
    done
    fail "no request of the kind $2 came"
}

# A server that keeps writes to itself until it is told to flush: what was not flushed goes with it.
# (Of its holes it tells what the file says, not what was written.)
forgetful() {
    serve "$1" --filter=noextents --filter=log --filter=delay --filter=cache file "$2" cache=writeback \
        logfile="$work/$1.requests" "${@:3}"
}

# kill_and_restart NAME WORD SERVE...: when the log has the word, end the server as a crash would.
kill_and_restart() {
    local name=$1 word=$2
    shift 2
    rm -f "$work/$name.requests"
    "$@" # sets $server
    (
        wait_request "$name" "$word"
        kill -9 "$server"
        sleep 0.5
        "$@"
        echo "$server" > "$work/second.pid"
        wait "$server" # for it ends with its parent
    ) 2> "$work/helper.log" &
    helper=$!
    servers+=("$helper")
}

# It goes as the first one did.
end_second() {
    for ((i = 0; i < 100; i++)); do
        [[ ! -s second.pid ]] || break
        sleep 0.1
    done
    kill -9 "$(cat second.pid)"
    wait "$helper" || true
    rm second.pid
}

# read through a loss
kill_and_restart read 'Read id' forgetful read disk.raw rdelay=300ms
timeout "$patience" qcow-img convert -m 1 --image-opts -O raw "$(keys read),file.reconnect-delay=10" copy.raw
cmp disk.raw copy.raw || fail "what was read through a loss is not what is there"
end_second

# written through one: what was acknowledged and not flushed is gone with the first server
truncate -s 8M target.raw
kill_and_restart write '[.]Write' forgetful write target.raw wdelay=200ms
timeout "$patience" qcow-img convert -n -m 1 -t writeback -f raw --target-image-opts disk.raw \
    "$(keys write),file.reconnect-delay=10"
end_second
cmp disk.raw target.raw || fail "what was written through a loss is not what is there"

# a qcow2 image, with its order of writes
qemu-img create -q -f qcow2 disk.qcow2 8M
truncate -s 16M disk.qcow2
kill_and_restart image '[.]Write' forgetful image disk.qcow2 wdelay=200ms
timeout "$patience" qcow-img convert -n -m 1 -t writeback -f raw --target-image-opts disk.raw \
    "driver=qcow2,file.driver=nbd,file.path=$work/image.sock,file.reconnect-delay=10"
end_second
qemu-img compare -q -f raw -F qcow2 disk.raw disk.qcow2
clean disk.qcow2

# over and over, while several threads write, read and flush: as often as it takes
losses=0
for ((seed = 1; losses < 3; seed++)); do
    rm -f model.raw
    truncate -s 8M model.raw
    forgetful model model.raw rdelay=1ms wdelay=1ms
    "$model" "nbd+unix:///?socket=$work/model.sock" "$seed" 20 > model-test.log 2>&1 &
    process=$!
    while sleep 0.3; kill -0 "$process" 2> /dev/null; do
        kill_hard "$server"
        losses=$((losses + 1))
        forgetful model model.raw rdelay=1ms wdelay=1ms
    done
    wait "$process" || fail "seed $seed, after $losses losses: $(cat model-test.log)"
    kill_hard "$server"
done

# it does not come back, or as another export
serve gone --filter=log --filter=delay file disk.raw rdelay=500ms logfile="$work/gone.requests"
(wait_request gone 'Read id'; kill -9 "$server") &
status=0
timeout 20 qcow-img convert -m 1 --image-opts -O raw "$(keys gone),file.reconnect-delay=1" copy.raw \
    2> gone-test.log || status=$?
[[ $status -eq 1 ]] || fail "a server that does not come back: status $status"
grep -q 'lost, and could not be made again: Failed to connect' gone-test.log ||
    fail "a server that does not come back: $(cat gone-test.log)"
head -c 4M /dev/urandom > other.raw
serve other --filter=log --filter=delay file disk.raw rdelay=500ms logfile="$work/other.requests"
(
    wait_request other 'Read id'
    kill -9 "$server"
    serve other file other.raw
    echo "$server" > second.pid
    wait "$server"
) 2> helper.log &
helper=$!
status=0
timeout 20 qcow-img convert -m 1 --image-opts -O raw "$(keys other),file.reconnect-delay=10" copy.raw \
    2> other-test.log || status=$?
[[ $status -eq 1 ]] || fail "another export: status $status"
grep -q 'the export there now is another one' other-test.log || fail "$(cat other-test.log)"
end_second

# a server that starts later
(sleep 0.7; exec qemu-nbd -f raw -k "$work/late.sock" disk.raw) &
servers+=("$!")
timeout 20 qcow-img info --image-opts "$(keys late),file.open-timeout=10" > late.log
status=0
timeout 20 qcow-img info --image-opts "$(keys nobody),file.open-timeout=1" 2> nobody.log || status=$?
[[ $status -eq 1 ]] || fail "a server that never starts: status $status"
grep -q 'No such file' nobody.log || fail "a server that never starts: $(cat nobody.log)"
