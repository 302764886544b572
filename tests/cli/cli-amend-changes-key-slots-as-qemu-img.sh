#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Key slots are filled, erased and refused as by qemu-img, in luks images and inside qcow2.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

for word in one two three; do
    printf 'pass%s' $word | both_get $word
    secrets="${secrets:-} --object secret,id=$word,file=$word"
done

# QEMU cannot always tell the time that it has spent on iterations: then it fails before it changes
# anything, and is asked again.
same_in_time() {
    for _ in $(seq 50); do
        run_twin theirs qemu-img "$@"
        grep -q 'accurate CPU usage' theirs.err || break
    done
    run_twin ours qcow-img "$@"
    compare_twins qemu-img "$@"
}

# Slots by their states: the number of iterations depends on the machine.
same_slots() {
    local folder
    for folder in theirs ours; do
        (cd "$folder" && qemu-img info "$1") | grep -o 'active: [a-z]*' > "$folder.said"
    done
    compare_twins "slots of $1"
}

# amend OPTIONS: of the image in $image with the secret in $key; names have $prefix.
amend() {
    local changed
    changed=$(sed -E "s/(^|,)/\1$prefix/g" <<< "$1")
    # shellcheck disable=SC2086
    same_in_time amend $secrets "${@:2}" -o "$changed" \
        --image-opts "driver=$driver,file.filename=$image,${prefix}key-secret=$key"
}

refusals() {
    for options in state=active state=inactive new-secret=two keyslot=1 iter-time=10 \
        state=bogus,keyslot=1 state=active,new-secret=nobody state=active,new-secret=two,keyslot=0 \
        state=active,new-secret=two,old-secret=one state=active,new-secret=two,keyslot=8 \
        state=active,new-secret=two,keyslot=bogus state=inactive,new-secret=two \
        state=inactive,keyslot=1,iter-time=0 state=inactive,keyslot=1 state=inactive,keyslot=9 \
        state=inactive,keyslot=0 state=inactive,old-secret=one state=inactive,old-secret=two \
        state=inactive,keyslot=0,old-secret=two state=inactive,keyslot=2,old-secret=one; do
        amend "$options" "$@"
    done
}

life() {
    image=$1 driver=$2 prefix=$3 key=one
    refusals
    amend state=active,new-secret=two,iter-time=10 -p
    amend state=active,new-secret=three,iter-time=10,keyslot=5
    amend state=active,new-secret=three,iter-time=0,keyslot=7
    same_slots "$image"
    amend state=active,new-secret=two,keyslot=7
    amend state=active,new-secret=two,keyslot=7,iter-time=10 --force
    amend state=inactive,keyslot=5,old-secret=two
    amend state=inactive,keyslot=5,old-secret=three
    amend state=inactive,old-secret=two
    same_slots "$image"
    amend state=inactive,keyslot=6 --force
    amend state=active,new-secret=two,iter-time=10
    amend state=inactive,old-secret=one
    amend state=inactive,keyslot=0
    key=two
    amend state=inactive,keyslot=1
    amend state=inactive,old-secret=two
    amend state=inactive,old-secret=two --force -q
    same_slots "$image"
    amend state=active,new-secret=one
}

qemu_makes() {
    for _ in $(seq 50); do
        # shellcheck disable=SC2086
        (cd theirs && qemu-img create -q $secrets "$@") 2> said && return 0
        grep -q 'accurate CPU usage' said || break
    done
    cat said
    exit 1
}

qemu_makes -f luks -o key-secret=one,iter-time=10 v.luks 1M
qemu_makes -f qcow2 -o encrypt.format=luks,encrypt.key-secret=one,encrypt.iter-time=10 i.qcow2 1M
qemu_makes -f qcow2 -o encrypt.format=aes,encrypt.key-secret=one a.qcow2 1M
qemu_makes -f qcow2 p.qcow2 1M
cp theirs/*.luks theirs/*.qcow2 ours

same amend -f luks -o help
same amend -o help v.luks
same amend -o state=inactive,keyslot=1 v.luks
same amend -o encrypt.state=inactive,encrypt.keyslot=1 i.qcow2
same amend -o encrypt.state=inactive,encrypt.keyslot=1 p.qcow2
for options in size=2M cipher-alg=aes-128 encrypt.state=active bogus=1; do
    # shellcheck disable=SC2086
    same amend $secrets -o $options --image-opts driver=luks,file.filename=v.luks,key-secret=one
done
for options in state=active encrypt.cipher-alg=aes-128 encrypt.keyslot=bogus; do
    # shellcheck disable=SC2086
    same amend $secrets -o $options \
        --image-opts driver=qcow2,file.filename=i.qcow2,encrypt.key-secret=one
done
life v.luks luks ''
life i.qcow2 qcow2 encrypt.
finish
