#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# cryptsetup reads the headers of our volumes and opens them with their passwords; and volumes that it
# formats are ours to read and write.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"
PATH=$PATH:/usr/sbin:/sbin
command -v cryptsetup > /dev/null || {
    echo "skipped: cryptsetup is not installed"
    exit 77
}

opens() {
    cryptsetup open --test-passphrase --type luks1 --key-file "$2" "$1" 2> out
}

for luks_options in cipher-alg=aes-256,cipher-mode=xts \
    cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=md5,hash-alg=sha512; do
    rm -f volume
    qcow-img create -q "${secret[@]}" -f luks -o "$(options luks "$luks_options,$quick")" volume 1M
    opens volume password || fail "cryptsetup does not open ours: $(cat out)"
    ! opens volume wrong || fail "cryptsetup opens ours with a wrong password"
    cryptsetup luksDump volume > dump
    uuid=$(qcow-img info --output=json volume | sed -nE 's/.*"uuid": "(.*)".*/\1/p')
    grep -q "UUID:.*$uuid" dump || fail "another UUID"
    grep -q 'Key Slot 0: ENABLED' dump && grep -q 'Key Slot 1: DISABLED' dump || fail "other slots"
done

# Its own places for the key material, and a payload elsewhere.
for cipher in aes-xts-plain64:512 aes-cbc-essiv:sha256:192 aes-xts-plain:256; do
    truncate -s 0 volume
    truncate -s 6M volume
    cryptsetup luksFormat -q --type luks1 --cipher "${cipher%:*}" --key-size "${cipher##*:}" \
        --hash sha256 --pbkdf-force-iterations 1000 volume password 2> out ||
        fail "cryptsetup luksFormat: $(cat out)"
    our_io luks volume 'write -P 1 0 1M' 'read -P 1 0 1M' 'write -P 2 100 5'
    if [[ ${cipher##*:} != 192 ]]; then # QEMU cannot: see luks_key.c
        qemus_io luks volume 'read -P 1 0 100' 'read -P 2 100 5'
    fi
done
if qcow-img create -q "${secret[@]}" -f luks \
    -o "$(options luks cipher-alg=aes-192,cipher-mode=cbc)" volume 1M 2> out; then
    fail "a volume is made that QEMU cannot open"
fi
