#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A signal that ends convert, dd or create takes away what they have made so far, so that nobody takes it
# for the whole; a target that was there before the command, one that has become another file, and one that is
# whole, stay.  The process ends by the signal.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

fail() { echo "FAIL: $what: $*"; ls -l; exit 1; }

# interrupted SIGNAL READY COMMAND...: it is sent when READY is true, and the command ends by it.
interrupted() {
    local signal=$1 ready=$2 status=0 tries=0
    shift 2
    what="$* ended by SIG$signal"
    env --default-signal="$signal" "$@" >out 2>&1 &
    until eval "$ready"; do
        kill -0 $! 2>/dev/null && [ $((tries += 1)) -lt 1000 ] || fail "it came to its end: $(head -c 500 out)"
        sleep 0.01
    done
    kill -s "$signal" $!
    wait $! 2>err || status=$?
    [ $status -eq $((128 + $(kill -l "$signal"))) ] || fail "status $status: $(head -c 500 out)"
}

head -c 4M /dev/urandom >disk.raw
truncate -s 8G large.raw
begun='[ -s target ] && [ "$(stat -c %b target)" -gt 1000 ]' # half a MiB, at 1 MiB a second
for format in qcow2 raw; do
    for signal in INT TERM HUP QUIT; do
        interrupted $signal "$begun" qcow-img convert -r 1M -f raw -O $format disk.raw target
        [ ! -e target ] || fail "the target is there"
    done
    echo old >target
    interrupted TERM "$begun" qcow-img convert -r 1M -f raw -O $format disk.raw target
    [ ! -e target ] || fail "a target that was written over is there"
    interrupted INT "$begun" qcow-img convert --untrusted -r 1M -f raw -O $format disk.raw target
    [ ! -e target ] || fail "the target is there"

    rm -f moved
    interrupted TERM "$begun && mv target moved && echo new >target" \
        qcow-img convert -r 1M -f raw -O $format disk.raw target
    [ "$(cat target)" = new ] || fail "another file was taken away"
    rm target moved

    qcow-img create -q -f $format target 4M
    interrupted TERM "$begun" qcow-img convert -n -r 1M -f raw -O $format disk.raw target
    [ -e target ] || fail "a target that was there is gone"
    rm target
done

for untrusted in "" --untrusted; do
    interrupted TERM "[ -s target ] && [ -s data ] && [ \"\$(stat -c %b data)\" -gt 1000 ]" \
        qcow-img convert $untrusted -r 1M -f raw -O qcow2 -o data_file=data disk.raw target
    [ ! -e target ] && [ ! -e data ] || fail "the target or its data file is there"
done

# What is being made is not there either, but what was there before keeps its name.
for format in qcow2 raw; do
    for untrusted in "" --untrusted; do
        interrupted INT "$begun" qcow-img create $untrusted -q -f $format -o preallocation=full target 8G
        [ ! -e target ] || fail "the target is there"
    done
    interrupted TERM "$begun" qcow-img convert -f raw -O $format -o preallocation=full large.raw target
    [ ! -e target ] || fail "the target is there"
    echo old >target
    interrupted TERM "$begun" qcow-img create -q -f $format -o preallocation=full target 8G
    [ -e target ] || fail "the name of a file that was there is gone"
    [ $format = raw ] || ! head -c 3 target | grep -q QFI || fail "it looks like an image"
    rm target
done
for data in data file:data; do
    interrupted HUP '[ -s data ] && [ "$(stat -c %b data)" -gt 1000 ]' \
        qcow-img create -q -f qcow2 -o data_file=$data,preallocation=full target 8G
    [ ! -e target ] && [ ! -e data ] || fail "the target or its data file is there"
    interrupted TERM '[ -s data ] && [ "$(stat -c %b data)" -gt 1000 ]' \
        qcow-img convert -f raw -O qcow2 -o data_file=$data,preallocation=full large.raw target
    [ ! -e target ] && [ ! -e data ] || fail "the target or its data file is there"
done

for signal in ALRM USR2 XCPU; do
    interrupted $signal "$begun" qcow-img convert -r 1M -f raw -O qcow2 disk.raw target
    [ ! -e target ] || fail "the target is there"
done

echo old >behind
ln -s behind target
interrupted TERM '[ "$(stat -c %b behind)" -gt 1000 ]' qcow-img convert -r 1M -f raw -O qcow2 disk.raw target
[ -L target ] && [ -f behind ] && [ ! -s behind ] || fail "half a target is there, or the link is gone"
rm target behind

echo old >target
interrupted TERM "$begun" qcow-img convert --untrusted -r 1M -f raw -O qcow2 disk.raw target
[ ! -e target ] || fail "a target that was written over is there"

what="what is whole"
qcow-img convert -f raw -O qcow2 disk.raw target
qcow-img compare -q -f raw -F qcow2 disk.raw target || fail "is not"
rm target

if command -v nbdkit >/dev/null && nbdkit --dump-plugin --filter=delay pattern >/dev/null 2>&1; then
    nbdkit -U "$work/socket" -P "$work/pid" --filter=delay pattern 16M rdelay=200ms
    trap 'kill "$(cat "$work/pid")"; rm -rf "$work"' EXIT
    interrupted TERM "$begun" qcow-img dd bs=1M if="nbd+unix:///?socket=$work/socket" of=target
    [ ! -e target ] || fail "the target is there"
fi
