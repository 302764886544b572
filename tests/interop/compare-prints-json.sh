#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --output=json says in a form for programs what the sentences say.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
cp disk.raw other.raw
printf '\001' | dd of=other.raw bs=1 seek=7000000 conv=notrunc status=none
cp disk.raw longer.raw
truncate -s 9M longer.raw
qemu-img convert -f raw -O qcow2 disk.raw disk.qcow2

# prints STATUS JSON WORD...: JSON with the white space taken out.
prints() {
    local wanted=$1 json=$2
    shift 2
    run qcow-img compare --output=json "$@"
    [[ $status -eq $wanted ]] || fail "$*: status $status"
    [[ $(tr -d ' \n' < out) == "$json" ]] || fail "$*: prints $(cat out)"
}

prints 0 '{"identical":true,"same-size":true}' -f raw -F qcow2 disk.raw disk.qcow2
prints 0 '{"identical":true,"same-size":false}' -f raw -F raw disk.raw longer.raw
prints 1 '{"identical":false,"same-size":true,"mismatch":"content","offset":6999552}' \
    -f raw -F raw disk.raw other.raw
prints 1 '{"identical":false,"same-size":false,"mismatch":"size"}' \
    -s -f raw -F raw disk.raw longer.raw
run qcow-img compare --output=json disk.raw missing.raw
[[ $status -eq 2 && ! -s out ]] || fail "status $status, $(cat out) for a missing image"
