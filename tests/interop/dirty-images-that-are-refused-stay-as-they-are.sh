#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A dirty image is repaired when it is opened for writing, but not before everything else that speaks
# against opening it has been looked at: an image that is refused is not changed.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img

# mark FILE: as dirty, with a leak that a repair would take away.
mark() {
    printf '\1' | dd of="$1" bs=1 seek=79 conv=notrunc status=none
    truncate -s +64k "$1"
    printf '\0\1' | dd of="$1" bs=1 seek=$((131072 + ($(stat -c %s "$1") / 65536 - 1) * 2)) \
        conv=notrunc status=none
}

# refused FILE PATTERN COMMAND...
refused() {
    local file=$1 pattern=$2 before
    shift 2
    before=$(sha256sum <"$file")
    ! "$@" >out 2>&1 || { cat out; fail "$file was not refused"; }
    grep -q -- "$pattern" out || { cat out; fail "$file was refused otherwise"; }
    [ "$(sha256sum <"$file")" = "$before" ] || fail "$file was refused and changed"
}

qemu-img create -q -f raw base 1M
qemu-img create -q -f qcow2 -b base -F raw overlay
qemu-io -f qcow2 -c 'write 0 64k' overlay >/dev/null
mark overlay
qemu-img check overlay >out 2>&1 && fail "nothing is wrong with the overlay"
mv base gone
refused overlay 'base' qcow-io -c 'write 0 512' overlay
mv gone base
refused overlay 'not allowed\|names' qcow-img resize --untrusted overlay 2M
qcow-io -c 'write -P 5 0 512' overlay >/dev/null
qemu-img check -q overlay

if qcow-img create -q -f qcow2 --object secret,id=s,data=12345678 \
    -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 locked 1M; then
    mark locked
    refused locked 'nvalid\|rong\|password' qcow-io --object secret,id=s,data=87654321 --image-opts \
        driver=qcow2,file.filename=locked,encrypt.key-secret=s -c 'write 0 512'
    refused locked 'key-secret' qcow-io -c 'write 0 512' locked
    qcow-io --object secret,id=s,data=12345678 --image-opts \
        driver=qcow2,file.filename=locked,encrypt.key-secret=s -c 'write -P 7 0 512' \
        -c 'read -P 7 0 512' >out
    ! grep -q failed out || fail "it cannot be used after the repair"
fi
