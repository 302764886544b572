#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Control characters and broken UTF-8 in names that an image holds reach neither the terminal nor
# the JSON: backing and data files, their formats, snapshots, bitmaps, features, LUKS's strings, in
# every verb that could print them and in its errors.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# ESC, C0, C1 in UTF-8 and as a byte, a broken byte, DEL, a line of its own, a turn of direction
evil=$(printf 'a\033[2Jb\001\302\233c\377d\177\233e\nqcow-img: fine\342\200\256f')
# what a person types is that person's, newlines included
typed=$(tr -d '\n' <<<"$evil")
lines=0

harmless() {
    "$@" >out 2>&1 || true
    if LC_ALL=C grep -q '[^[:print:][:space:]]' out || grep -q '^qcow-img: fine' out; then
        echo "$*: printed raw:"
        LC_ALL=C cat -v out
        exit 1
    fi
    lines=$((lines + $(wc -l <out)))
}

# The same, and it must be valid JSON.
harmless_json() {
    harmless "$@"
    "$@" >out 2>/dev/null || true
    [ ! -s out ] || ! command -v python3 >/dev/null || python3 -m json.tool <out >/dev/null || {
        echo "$*: no JSON:"
        LC_ALL=C cat -v out
        exit 1
    }
}

# Bytes over an image: patched FILE OFFSET BYTES...
patched() {
    printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

# Where some text is in a file.
offset_of() {
    LC_ALL=C grep -aboF -- "$2" "$1" | head -n 1 | cut -d: -f1
}

qcow-img create -q -f qcow2 -u -b "$evil" -F qcow2 backing.qcow2 1M
qcow-img create -q -f qcow2 -u -b none -F qcow2 format.qcow2 1M
patched format.qcow2 "$(offset_of format.qcow2 qcow2)" 'q\033[2J'
qcow-img create -q -f qcow2 -o data_file=datafile.raw data.qcow2 1M
patched data.qcow2 "$(offset_of data.qcow2 datafile.raw)" '\033[2J\n\377\302\233'
qcow-img create -q -f qcow2 lists.qcow2 1M
qcow-img snapshot -c "$evil" lists.qcow2
qcow-img bitmap --add lists.qcow2 "$evil"
patched lists.qcow2 $(($(offset_of lists.qcow2 'a') - 1)) '\033' # maybe the snapshot's id
# the first name of a feature is now that of bit 39, which is set
qcow-img create -q -f qcow2 feature.qcow2 1M
patched feature.qcow2 75 '\200'
patched feature.qcow2 $((0x78 + 1)) '\47\033[2J\377\302\233\n'
printf secret >password
luks=(--object 'secret,id=key,file=password')
qcow-img create -q "${luks[@]}" -f qcow2 \
    -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 luks.qcow2 1M
header=$(offset_of luks.qcow2 LUKS)
for field in 8 168; do
    cp luks.qcow2 luks-$field.qcow2
    patched luks-$field.qcow2 $((header + field)) '\033[2J\377\n\302\233'
done
cp lists.qcow2 "$typed"

for image in backing format data lists feature luks-8 luks-168; do
    image=$image.qcow2
    for verb in info check map 'measure -O qcow2' audit; do
        # shellcheck disable=SC2086
        harmless qcow-img $verb $image
        # shellcheck disable=SC2086
        harmless_json qcow-img $verb --output=json $image
    done
    harmless qcow-img info --backing-chain $image
    harmless qcow-img info --untrusted $image
    harmless qcow-img map --untrusted $image
    harmless qcow-img snapshot -l $image
    harmless qcow-img snapshot -a "$typed-not" $image
    harmless qcow-img snapshot -d "$typed-not" $image
    harmless qcow-img compare $image lists.qcow2
    harmless_json qcow-img compare --output=json $image lists.qcow2
    harmless qcow-img convert -O qcow2 -p $image copy.qcow2
    harmless qcow-img convert "${luks[@]}" --image-opts -O qcow2 \
        driver=qcow2,encrypt.key-secret=key,file.filename=$image copy.qcow2
    harmless qcow-img convert -O qcow2 --bitmaps $image copy.qcow2
    harmless qcow-img convert -O raw -l "$typed" $image copy.raw
    harmless qcow-img dd -O raw if=$image of=copy.raw
    harmless qcow-img bench -c 1 $image
    harmless_json qcow-img bench -c 1 --output=json $image
    harmless_json qcow-img snapshot -l --output=json $image
    harmless qcow-img bitmap --merge "$typed" $image new
    harmless qcow-img bitmap --remove $image "$typed-not"
    harmless qcow-img map --bitmap "$typed" $image
    harmless qcow-img map --bitmap "$typed-not" $image
    harmless qcow-io -c info -c map -c 'read 0 1' -c 'alloc 0' $image
    cp $image changed.qcow2
    harmless qcow-img resize changed.qcow2 +1M
    harmless qcow-img amend -p -o compat=0.10 changed.qcow2
    harmless qcow-img commit -p changed.qcow2
    harmless qcow-img rebase -p -b '' changed.qcow2
    harmless qcow-img rebase -u -b '' changed.qcow2
    harmless qcow-img check -r all changed.qcow2
    harmless qcow-img create -f qcow2 -b $image -F qcow2 above.qcow2
    harmless qcow-img map above.qcow2
    if command -v nbdkit >/dev/null && [ -n "${QCOW2_PLUGIN-}" ]; then
        harmless timeout 20 nbdkit -f -U "$work/socket" qcow2 "$work/$image" backing=allow \
            external-data=allow --run true
    fi
done

# The names of files themselves.
for verb in info map check 'snapshot -l' audit; do
    # shellcheck disable=SC2086
    harmless qcow-img $verb "$typed"
    # shellcheck disable=SC2086
    harmless qcow-img $verb "$typed-not"
done
harmless_json qcow-img check --output=json "$typed"
harmless_json qcow-img bench -c 1 --output=json "$typed"
harmless qcow-img create -f qcow2 -u -b "$typed" -F qcow2 "$typed.new" 1M
harmless_json qcow-img create --output=json -f qcow2 -u -b "$typed" -F qcow2 "$typed.new" 1M
harmless qcow-img create -f qcow2 -o "data_file=$typed.data" "$typed.new" 1M
harmless qcow-io -c length "$typed-not"

# Words of qcow-io's lines, from a script that may be somebody else's.
word=$(printf 'a\033[2Jb\377')
for line in "help $word" "$word" "read -P $word 0 1" "read $word 512" "read 0 1$word" "write -s $word 0 1" \
    "sleep $word" "alloc $word" "sigraise $word" "remove_break $word" "$(printf 'read -\033 0 1')" \
    "$(printf 'read 0 3G\033')"; do
    harmless qcow-io -c "$line" lists.qcow2
    [ -s out ] || { echo "$line: nothing is said"; exit 1; }
done
[ "$lines" -gt 300 ] || {
    echo "only $lines lines were printed: the images are not what they should be"
    exit 1
}

name=$(printf 'a\033[2Jb\001\302\233c\377d\177')
qcow-img create -q -f qcow2 -u -b "$name" -F qcow2 shown.qcow2 1M
qcow-img info shown.qcow2 | grep -qxF 'backing file: a\x1b[2Jb\x01\xc2\x9bc\xffd\x7f'

# JSON says the same name, in escapes of its own; only bytes that are no UTF-8 are written as \xNN
if command -v python3 >/dev/null; then
    name_in_json() {
        python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]], end="")' "$1"
    }
    name=$(printf 'a\033[2Jb\001\302\233c\177\n"\\')
    mixed=$(printf 'a\033b\377\n.')
    cp backing.qcow2 "$name"
    cp backing.qcow2 "$mixed"
    qcow-img create -q -f qcow2 -u -b "$name" -F qcow2 shown.qcow2 1M
    for verb in info check; do
        [ "$(qcow-img $verb --output=json "$name" | name_in_json filename)" = "$name" ]
        [ "$(qcow-img $verb --output=json "$mixed" | name_in_json filename)" = \
            "$(printf 'a\033b\\xff\n.')" ]
    done
    [ "$(qcow-img info --output=json shown.qcow2 | name_in_json backing-filename)" = "$name" ]
    harmless qcow-img info --output=json shown.qcow2
fi
