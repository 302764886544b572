#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The old AES encryption, of qcow2 and of qcow images: read in any alignment, through compressed clusters
# and backing files, never written.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"

read_all() {
    our_reading "$1" "$2" 'read -P 7 0 700001' 'read -P 8 700001 2' 'read -P 7 700003 348573' \
        'read -P 9 1M 64k' 'read -P 0 1114112 100' 'read -P 7 699999 2' 'read -P 7 513 1'
    qcow-img convert "${secret[@]}" --image-opts -O raw "$(keys "$1" "$2")" ours.raw
    qemu-img convert "${secret[@]}" --image-opts -O raw "$(keys "$1" "$2")" qemus.raw
    cmp ours.raw qemus.raw || fail "$2 converts to something else"
}

for format in qcow2 qcow; do
    for password in 'open sesame' a 'a password of more than 16 bytes'; do
        printf '%s' "$password" > password
        rm -f image
        qemu-img create -q "${secret[@]}" -f "$format" -o encrypt.format=aes,encrypt.key-secret=pw \
            image 2M 2> /dev/null
        qemus_io "$format" image 'write -P 7 0 1M' 'write -P 8 700001 2'
        # compressed clusters are plain
        if [[ $format == qcow2 ]]; then
            qemus_io "$format" image 'write -c -P 9 1M 64k'
        else
            qemus_io "$format" image 'write -P 9 1M 64k'
        fi
        read_all "$format" image
    done
    [[ $(qcow-img info --output=json image) == *'"encrypted": true'* ]] || fail "info of $format"
    cp image before
    if qcow-io "${secret[@]}" --image-opts -c 'write 0 512' "$(keys "$format" image)" > out 2>&1; then
        fail "$format with AES is written"
    fi
    grep -qE 'read-only|only be read' out || fail "instead: $(cat out)"
    cmp image before
done

if qcow-img create -q "${secret[@]}" -f qcow2 -o encrypt.format=aes,encrypt.key-secret=pw new 1M \
    2> out; then
    fail "an AES-encrypted image is created"
fi
grep -q 'encrypt.format=luks' out || fail "instead: $(cat out)"
[[ ! -e new ]]
