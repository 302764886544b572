#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What another program has locked, or has made meanwhile, is not removed when making an image fails; nor
# is an image whose data file is locked.  And nobody waits for a lock of his own.
set -eu
top=$(mktemp -d)
holder=
trap '[ -z "$holder" ] || kill "$holder" 2>/dev/null; rm -rf "$top"' EXIT
cd "$top"

fail() {
    echo "$*"
    exit 1
}

# refused WORDS COMMAND...
refused() {
    local words=$1
    shift
    if timeout 60 "$@" >out 2>err; then fail "$*: not refused"; fi
    grep -qF -- "$words" err || fail "$*: says $(cat err)"
}

# hold FILE OPTION...: an open file of ours, until released.
hold() {
    mkfifo words prompt
    qcow-io "${@:2}" "$1" <words >prompt &
    holder=$!
    exec 3>words 4<prompt
    head -c 8 <&4 >/dev/null
}

released() {
    exec 3>&-
    cat <&4 >/dev/null
    wait "$holder" || true
    holder=
    rm words prompt
}

qcow-img create -q -f qcow2 image 1M
qcow-io -c 'write -q -P 7 0 64k' image
cp image before

# The data file is locked: neither it nor the image of that name is touched.
qcow-img create -q -f qcow2 data 2M
cp data data.before
hold data -f qcow2
refused 'lock' qcow-img create -q -f qcow2 -o data_file=data image 1M
refused 'lock' qcow-img create -q --untrusted -f qcow2 -o data_file=data image 1M
cmp image before
refused 'lock' qcow-img create -q -f qcow2 -o data_file=data new 1M
[ ! -e new ] || fail "an image that was not made is left"
released
cmp data data.before

# The image is locked: so is the data file kept.
cp data.before data
hold image -f qcow2
for how in '' --untrusted; do
    # shellcheck disable=SC2086
    refused 'lock' qcow-img create -q $how -f qcow2 -o data_file=data image 1M
    refused 'lock' qcow-img convert $how -O qcow2 before image
    refused 'lock' qcow-img dd $how -O qcow2 if=before of=image
done
released
cmp data data.before
cmp image before

# One's own lock is told from another's, in the sandbox too; nobody waits for it.
for how in '' --untrusted; do
    # shellcheck disable=SC2086
    refused 'held by this process' qcow-img create -q $how --wait -f qcow2 -o data_file=image image 1M
    cmp image before
done

# A file that has taken the place of ours stays: convert reads a server that is slow, and fails.
command -v nbdkit >/dev/null || {
    echo "not looked at: there is no nbdkit"
    exit 0
}
nbdkit -U - --filter=delay --filter=error pattern 1M rdelay=2 error-pread-rate=100% --run \
    'qcow-img convert -f raw -O qcow2 "$uri" moved >convert.out 2>&1 &
     for i in $(seq 100); do [ -s moved ] && break; sleep 0.05; done
     mv moved elsewhere && cp before moved
     wait' || true
cmp moved before || fail "the file of another is gone: $(cat convert.out)"
nbdkit -U - --filter=error pattern 1M error-pread-rate=100% --run \
    '! qcow-img convert -f raw -O qcow2 "$uri" failed 2>/dev/null'
[ ! -e failed ] || fail "a target that failed is left"
