#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An encrypted image that cannot be made does not cost the file that has its name.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

printf 'open sesame' >password
secret=secret,id=pw,file=password
qcow-img create -q -f qcow2 source 1M
qcow-io -c 'write -q -P 7 0 64k' source
cp source before

# kept WORDS COMMAND...: refused, and the target is as it was.
kept() {
    local words=$1
    shift
    cp before target
    if timeout 60 "$@" >out 2>err; then
        echo "$*: not refused"
        exit 1
    fi
    cmp target before && grep -qF -- "$words" err || {
        echo "$*: says $(cat err)"
        exit 1
    }
}

# refused WORDS OPTION...: in a LUKS volume and inside qcow2, by each verb that makes images.
refused() {
    local words=$1 luks qcow2
    luks=key-secret=pw$(printf ',%s' "${@:2}")
    qcow2=encrypt.format=luks,encrypt.key-secret=pw$(printf ',encrypt.%s' "${@:2}")
    kept "$words" qcow-img create -q --object $secret -f luks -o "$luks" target 1M
    kept "$words" qcow-img create -q --object $secret -f qcow2 -o "$qcow2" target 1M
    kept "$words" qcow-img convert --object $secret -O luks -o "$luks" source target
    kept "$words" qcow-img convert --object $secret -O qcow2 -o "$qcow2" source target
}

refused '' cipher-alg=serpent-256
refused '' cipher-alg=cast5-128,cipher-mode=cbc
refused '' ivgen-alg=essiv,ivgen-hash-alg=sha1
refused 'is too long' iter-time=18446744073709551
refused 'is too long' iter-time=3600000

# What can be is made.
qcow-img create -q --object $secret -f luks -o key-secret=pw,iter-time=10 target 1M
