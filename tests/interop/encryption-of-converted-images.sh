#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Converting from and to encrypted images; chains of encrypted images; snapshots, resizing, comparing.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"

make_disk plain.raw 9M
for format in luks qcow2; do
    qcow-img convert "${secret[@]}" -O "$format" -o "$(options "$format" "$quick")" plain.raw secret
    qemu-img compare -q "${secret[@]}" --image-opts "$(keys "$format" secret)" \
        driver=raw,file.filename=plain.raw || fail "qemu-img finds the $format copy different"
    qcow-img compare -q "${secret[@]}" --image-opts "$(keys "$format" secret)" \
        driver=raw,file.filename=plain.raw || fail "qcow-img finds the $format copy different"
    qcow-img convert "${secret[@]}" --image-opts -O qcow2 "$(keys "$format" secret)" open.qcow2
    qemu-img compare -q -f raw -F qcow2 plain.raw open.qcow2 || fail "back from $format"
    ! grep -aqF "$(dd if=plain.raw bs=1 skip=4096 count=64 status=none | tr -d '\0\n')" secret ||
        [[ -z $(dd if=plain.raw bs=1 skip=4096 count=64 status=none | tr -d '\0\n') ]] ||
        fail "plain text in the $format image"
    if qcow-img convert "${secret[@]}" -c -O "$format" -o "$(options "$format" "$quick")" plain.raw \
        compressed 2> out; then
        fail "$format is compressed and encrypted"
    fi
done

# Into an existing image; a compressed write has no way around the encryption.
if qcow-img convert "${secret[@]}" -n -c --target-image-opts plain.raw "$(keys qcow2 secret)" 2> out; then
    fail "compressed clusters in an encrypted image"
fi
grep -q 'Compression and encryption not supported at the same time' out || fail "$(cat out)"
qcow-img convert "${secret[@]}" -n --target-image-opts plain.raw "$(keys qcow2 secret)"
qemu_checks secret

# QEMU writes compressed clusters in plain text; they read, and are overwritten encrypted.
qemus_io qcow2 secret 'discard 1M 128k' 'write -c -P 9 1M 64k' 'write -c -P 9 1088k 64k'
our_io qcow2 secret 'read -P 9 1M 128k' 'write -P 8 1050000 100'
qemus_io qcow2 secret 'read -P 9 1M 1424' 'read -P 8 1050000 100' 'read -P 9 1050100 100'
qemu_checks secret

# A chain: each image with its own password.
printf 'another' > second
more=("${secret[@]}" --object secret,id=second,file=second)
qcow-img create -q "${more[@]}" -f qcow2 -b secret -F qcow2 \
    -o "encrypt.format=luks,encrypt.key-secret=second,encrypt.$quick" top.qcow2
chain=driver=qcow2,file.filename=top.qcow2,encrypt.key-secret=second,backing.encrypt.key-secret=pw
qcow-io "${more[@]}" --image-opts -c 'read -P 9 1M 1424' -c 'write -P 1 1048577 1' "$chain" > out
if grep failed out; then fail "our chain reads something else"; fi
qemu-io "${more[@]}" --image-opts -c 'read -P 9 1M 1' -c 'read -P 1 1048577 1' \
    -c 'read -P 9 1048578 1000' "$chain" > out
if grep failed out; then fail "QEMU reads something else from the chain"; fi
if qcow-io "${more[@]}" --image-opts -c 'read 0 1' "${chain%,backing*}" > out 2>&1; then
    fail "the backing file opens without a password"
fi
grep -q "Could not open backing file.*Parameter 'encrypt.key-secret' is required" out ||
    fail "$(cat out)"

# Snapshots and sizes.
keys=$(keys qcow2 secret)
qcow-img snapshot "${secret[@]}" --image-opts -c one "$keys"
our_io qcow2 secret 'write -P 6 0 2M'
qcow-img resize -q "${secret[@]}" --image-opts "$keys" 12M
our_io qcow2 secret 'read -P 0 9M 3M' 'write -P 7 11M 64k'
qcow-img resize -q --shrink "${secret[@]}" --image-opts "$keys" 3M
qemu_checks secret
qcow-img snapshot "${secret[@]}" --image-opts -a one "$keys"
qemus_io qcow2 secret 'read -P 8 1050000 100'
qcow-img snapshot "${secret[@]}" --image-opts -d one "$keys"
qemu_checks secret
qcow-img check -q secret
