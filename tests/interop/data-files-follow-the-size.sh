#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A data file is as long as the disk, however that is resized; what becomes visible reads as zeroes,
# through the image and, if it is raw, in the file itself.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

length() {
    [[ $(stat -c %s "$1") -eq $2 ]] || fail "$1 has $(stat -c %s "$1") bytes, not $2"
}

for raw in off on; do
    qcow-img create -q -f qcow2 -o data_file=d.raw,data_file_raw=$raw disk.qcow2 1000448
    length d.raw 1000448
    qcow-io -c 'write -P 1 0 1000448' disk.qcow2 > out
    length d.raw 1000448
    qcow-img resize -q disk.qcow2 2M
    length d.raw 2097152
    qcow-io -c 'read -P 1 0 1000448' -c 'read -P 0 1000448 1096704' disk.qcow2 > out
    qemu-io -c 'read -P 1 0 1000448' -c 'read -P 0 1000448 1096704' disk.qcow2 > out
    grep -q 'failed' out && fail "QEMU reads something else ($raw)"
    qcow-io -c 'write -P 2 1M 1M' disk.qcow2 > out
    qcow-img resize -q --shrink disk.qcow2 700416
    length d.raw 700416

    # Something was left there, or put there by somebody.
    fill d.raw 700416 2000000
    qcow-img resize -q disk.qcow2 2M
    qcow-io -c 'read -P 1 0 700416' -c 'read -P 0 700416 1396736' disk.qcow2 > out ||
        fail "old content shows after growing ($raw): $(cat out)"
    if [[ $raw == on ]]; then
        qcow-io -r -f raw -c 'read -P 1 0 700416' -c 'read -P 0 700416 1396736' d.raw > out ||
            fail "old content shows in the raw file: $(cat out)"
        [[ $(qcow-img map --output=json disk.qcow2) != *'"present": false'* ]] ||
            fail "clusters of a raw data file are not mapped"
    fi
    clean disk.qcow2
    for mode in metadata falloc full; do
        qcow-img resize -q --preallocation=$mode disk.qcow2 +1M
        length d.raw "$(qemu-img info --output=json disk.qcow2 | awk '/virtual-size/ { print $2 + 0 }')"
        clean disk.qcow2
    done
    (($(stat -c %b d.raw) * 512 >= 2097152)) || fail "falloc and full have reserved nothing"
    rm -f disk.qcow2 d.raw
done
