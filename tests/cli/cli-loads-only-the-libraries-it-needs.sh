#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A run pays for the libraries that its images need, and for no others: libcrypto comes with
# encryption, libisal with the level "fast", libnbd with a server.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# loaded COMMAND...: the stems of the libraries that qcow-img has loaded when it ends.
loaded() {
    LD_DEBUG=files LD_DEBUG_OUTPUT="$work/ld" qcow-img "$@" >out 2>&1 || {
        cat out
        exit 1
    }
    sed -nE 's/.*calling init: .*lib(crypto|isal|nbd|qcow2)\.so.*/\1/p' ld.* | sort -u | paste -sd' '
    rm ld.*
}

# loads STEMS COMMAND...
loads() {
    local expected="$1" found
    shift
    found=$(loaded "$@")
    [ "$found" = "$expected" ] || {
        echo "qcow-img $*: loaded '$found', expected '$expected'"
        exit 1
    }
}

printf secret >password
truncate -s 1M plain.raw
printf data | dd of=plain.raw conv=notrunc status=none

loads 'qcow2' --version
loads 'qcow2' create -q -f qcow2 plain.qcow2 1M
loads 'qcow2' info plain.qcow2
loads 'qcow2' convert -f raw -O qcow2 -c plain.raw small.qcow2
loads 'qcow2' convert -f raw -O qcow2 -c -o compression_type=zstd plain.raw zstd.qcow2
loads 'qcow2' map --output=json zstd.qcow2
loads 'crypto qcow2' create -q -f qcow2 --object secret,id=key,file=password \
    -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 locked.qcow2 1M
if loaded convert -f raw -O qcow2 -c -o compression_level=fast plain.raw fast.qcow2 | grep -q isal; then
    loads 'isal qcow2' convert -f raw -O qcow2 -c -o compression_level=fast plain.raw fast.qcow2
fi
