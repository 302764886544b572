#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# After we have changed a key slot, QEMU and cryptsetup open the volume with the new password and not
# with the old one; and the other way round.  What the guest wrote stays the same, and nothing is left
# of a key slot that was erased.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"
PATH=$PATH:/usr/sbin:/sbin
have_cryptsetup=$(command -v cryptsetup || true)

# The secret "other" is the next password.
printf 'open millet' > other
secret+=(--object secret,id=other,file=other)

# amend PROGRAM FORMAT FILE KEY OPTIONS [--force]: change key slots, with the password of this id.
amend() {
    local keys changes=$5 arguments
    keys=$(keys "$2" "$3")
    [[ $2 = luks ]] || changes=$(sed -E 's/(^|,)/\1encrypt./g' <<< "$5")
    arguments=("${@:6}" "${secret[@]}" -o "$changes" --image-opts "${keys/=pw/=$4}")
    if [[ $1 = qemu-img ]]; then
        qemu_makes amend "${arguments[@]}"
    else
        qcow-img amend "${arguments[@]}"
    fi
}

# header FORMAT FILE: the LUKS header alone, and some room, in the file "header".
header() {
    local at=0
    [[ $1 = luks ]] || at=$(LC_ALL=C grep -abo -m1 $'LUKS\xba\xbe' "$2" | head -1 | cut -d: -f1)
    tail -c +$((at + 1)) "$2" | head -c 2068480 > header
    truncate -s 4M header
}

# opens PASSWORD-ID FILE-OF-PASSWORD yes|no FORMAT FILE: everybody opens it, or nobody.
opens() {
    local keys said program
    keys=$(keys "$4" "$5")
    for program in 'qemu-io -r' 'qcow-io -r'; do
        said=yes
        # shellcheck disable=SC2086
        $program "${secret[@]}" --image-opts -c 'read -P 7 64k 100k' "${keys/=pw/=$1}" > io.out 2>&1 ||
            said=no
        ! grep -q 'verification failed' io.out || fail "$program reads something else from $5"
        [[ $said = "$3" ]] || fail "$program opens $5 with $1: $said: $(head -c 500 io.out)"
    done
    if [[ $have_cryptsetup ]]; then
        header "$4" "$5"
        said=yes
        cryptsetup open --test-passphrase --type luks1 --key-file "$2" header 2> out || said=no
        [[ $said = "$3" ]] || fail "cryptsetup opens the header of $5 with $1: $said: $(cat out)"
    fi
}

# slots FORMAT FILE STATES: as cryptsetup sees them.
slots() {
    [[ $have_cryptsetup ]] || return 0
    header "$1" "$2"
    cryptsetup luksDump header | sed -nE 's/Key Slot [0-7]: (.)N?.*/\1/p' | tr -d '\n' > states
    [[ $(cat states) = "$3" ]] || fail "key slots of $2 are $(cat states), not $3"
}

# Bytes of the second key slot's material.
material() {
    header "$1" "$2"
    tail -c +$((262144 + 1)) header | head -c 256000 | sha256sum
}

for format in luks qcow2; do
    for maker in qemu-img qcow-img; do
        rm -f image
        if [[ $maker = qemu-img ]]; then
            qemu_makes create -q "${secret[@]}" -f $format -o "$(options $format $quick)" image 1M
        else
            qcow-img create -q "${secret[@]}" -f $format -o "$(options $format $quick)" image 1M
        fi
        our_io $format image 'write -P 7 64k 100k'

        # A second password, and the first one is gone; then back again, by the other program.
        amend qcow-img $format image pw state=active,new-secret=other,$quick
        slots $format image EEDDDDDD
        opens pw password yes $format image
        opens other other yes $format image
        amend qcow-img $format image other state=inactive,old-secret=pw
        slots $format image DEDDDDDD
        opens pw password no $format image
        opens other other yes $format image
        amend qemu-img $format image other state=active,new-secret=pw,$quick,keyslot=6
        opens pw password yes $format image
        before=$(material $format image)
        amend qcow-img $format image pw state=inactive,keyslot=1
        [[ $(material $format image) != "$before" ]] || fail "the key material is still there"
        slots $format image DDDDDDED
        opens other other no $format image
        opens pw password yes $format image

        # The only active slot is overwritten, and another one was lent meanwhile.
        amend qcow-img $format image pw state=active,new-secret=other,$quick,keyslot=6 --force
        slots $format image DDDDDDED
        opens pw password no $format image
        opens other other yes $format image
        amend qemu-img $format image other state=active,new-secret=pw,$quick,keyslot=6 --force
        [[ $format = luks ]] || qemu_checks image
    done
done
