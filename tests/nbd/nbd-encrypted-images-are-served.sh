#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Encrypted images are served and written with the passphrase from a file or a file descriptor: LUKS in
# qcow2, LUKS alone, an encrypted image above another one, and AES for reading.  QEMU reads what clients
# wrote.  Without the passphrase, or with another one, the server says so and does not start.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io nbdinfo nbdcopy qcow-img

printf 'open sesame' > "$work/password"
printf 'open sesame\nand nothing else\n' > "$work/lines"
printf 'open barley' > "$work/wrong"
secret=(--object "secret,id=pw,file=$work/password")

# qemu_expects KEYS COMMAND...: with the password.
qemu_expects() {
    local keys=$1 command=()
    shift
    for c; do
        command+=(-c "$c")
    done
    qemu-io -r "${secret[@]}" --image-opts "${command[@]}" "$keys" > "$work/io.log" 2>&1 ||
        fail "qemu-io: $keys"
    ! grep -q 'verification failed' "$work/io.log" || fail "qemu-io reads something else: $keys"
}

# write_and_read WORD...: serve, write through the server, read back.
write_and_read() {
    serve disk "$@"
    qemu-io -f raw -c 'write -P 5 100k 200k' -c 'write -z 180k 40k' -c 'write -P 6 1000001 7' \
        -c 'discard 1M 64k' -c flush -c 'read -P 5 100k 80k' -c 'read -P 0 180k 40k' \
        "$uri" > "$work/io.log" 2>&1 || fail "qemu-io through the server"
    ! grep -q 'verification failed' "$work/io.log" || fail "a client reads something else"
    nbdcopy "$uri" "$work/copy.raw"
    stop_server
}

for format in luks qcow2; do
    image=$work/disk.$format
    if [[ $format = luks ]]; then
        options=key-secret=pw,iter-time=10
        keys=driver=luks,file.filename=$image,key-secret=pw
    else
        options=encrypt.format=luks,encrypt.key-secret=pw,encrypt.iter-time=10
        keys=driver=qcow2,file.filename=$image,encrypt.key-secret=pw
    fi
    qcow-img create -q "${secret[@]}" -f $format -o $options "$image" 4M
    write_and_read qcow2 "$image" format=$format "passphrase=+$work/password"
    qemu_expects "$keys" 'read -P 5 100k 80k' 'read -P 0 180k 40k' 'read -P 5 220k 80k' \
        'read -P 6 1000001 7'
    qemu-img compare -q "${secret[@]}" --image-opts "$keys" \
        "driver=raw,file.filename=$work/copy.raw" || fail "nbdcopy copied something else"

    # Only the first line counts; and a file descriptor, which nbdkit closes.
    serve lines qcow2 "$image" format=$format "passphrase=+$work/lines" readonly=true
    nbdinfo --is read-only "$uri" || fail "offered for writing"
    stop_server
    serve descriptor qcow2 "$image" format=$format passphrase=-9 9< "$work/password"
    stop_server

    refuses 'pass passphrase=' qcow2 "$image" format=$format
    refuses 'Invalid password' qcow2 "$image" format=$format "passphrase=+$work/wrong"
    refuses 'No such file' qcow2 "$image" format=$format "passphrase=+$work/missing"
done
qemu-img check -q "${secret[@]}" --image-opts \
    "driver=qcow2,file.filename=$work/disk.qcow2,encrypt.key-secret=pw"

# One passphrase for the whole chain.
qcow-img create -q "${secret[@]}" -f qcow2 -o encrypt.format=luks,encrypt.key-secret=pw \
    -b disk.qcow2 -F qcow2 -u "$work/over.qcow2" 4M
serve chain qcow2 "$work/over.qcow2" backing=allow "passphrase=+$work/password"
nbdcopy "$uri" "$work/chain.raw"
stop_server
cmp "$work/copy.raw" "$work/chain.raw"

qemu-img create -q "${secret[@]}" -f qcow2 -o encrypt.format=aes,encrypt.key-secret=pw \
    "$work/aes.qcow2" 4M
qemu-io "${secret[@]}" --image-opts -c 'write -P 9 1M 100k' \
    "driver=qcow2,file.filename=$work/aes.qcow2,encrypt.key-secret=pw" > /dev/null
serve aes qcow2 "$work/aes.qcow2" readonly=true "passphrase=+$work/password"
qemu-io -r -f raw -c 'read -P 9 1M 100k' -c 'read -P 0 2M 1M' "$uri" > "$work/io.log" 2>&1
stop_server
! grep -q 'verification failed' "$work/io.log" || fail "AES reads as something else"
refuses 'only be opened read-only' qcow2 "$work/aes.qcow2" "passphrase=+$work/password"
