#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every row of io-rows/ run with qemu-io and with qcow-io: the same output, exit status and image.
#
# A row is a line of three columns, separated by "|":
#
#     OPTIONS | COMMAND; COMMAND... | IMAGE
#
# The image is a fresh copy of one of those made below.  A row that begins with "sorted:" says the
# same lines in any order (requests that run at once end in any order); one with "more:" says what we
# know of the cause on standard error besides; one with "differs: REASON:" is not the same, on purpose,
# and must not become so unnoticed (man/qcow-img-differences.7 has the reasons).  ROWS=REGEX runs the rows that match.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

rows=0
unchanged=0

# The images, made once by QEMU, in the folder that copies come from.
make_images() {
    mkdir fresh
    (
        cd fresh
        qemu-img create -q -f qcow2 empty.qcow2 4M
        qemu-img create -q -f qcow2 data.qcow2 1M
        qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 64k 64k' -c 'write -z 256k 64k' \
            -c 'write -P 3 512k 200k' data.qcow2
        qemu-img create -q -f qcow2 -b data.qcow2 -F qcow2 over.qcow2
        qemu-io -c 'write -P 7 64k 64k' over.qcow2
        qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=64k wide.qcow2 1M
        qemu-img create -q -f qcow2 -o extended_l2=on -b data.qcow2 -F qcow2 wideover.qcow2
        qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4k old.qcow2 1000k
        qemu-img create -q -f qcow2 -o compression_type=zstd packed.qcow2 1M
        qemu-io -c 'write -c -P 4 0 128k' packed.qcow2
        qemu-img create -q -f raw plain.raw 1M
        qemu-io -f raw -c 'write -P 5 128k 128k' plain.raw
        printf 'abcdefgh' >letters
        : >nothing
        printf 'QFI\373' >magic
    ) >/dev/null
}

refresh() {
    cp --sparse=always -t theirs fresh/*
    cp --sparse=always -t ours fresh/*
}

# What the row left on disk.  Files that are equal byte by byte need no further look.
compare_images() {
    cmp -s theirs/"$1" ours/"$1" && return
    {
        qemu-img compare theirs/"$1" ours/"$1" &&
            qemu-img check -q ours/"$1"
    } 2>&1 | head -c 4000 >images.said
    grep -qx 'Images are identical.' images.said && [ "$(wc -l <images.said)" -eq 1 ] && return
    echo "DIFFERENT image: $*"
    cat images.said
    differences=$((differences + 1))
}

in_any_order() {
    for folder in theirs ours; do
        sort "$folder".said >"$folder".sorted
        mv "$folder".sorted "$folder".said
    done
}

# run_row KIND OPTIONS COMMANDS IMAGE
run_row() {
    local kind=$1 options=$2 image=$4 before=$differences
    local commands=() arguments=() command

    while IFS= read -r -d ';' command; do
        commands+=(-c "${command# }")
    done <<<"$3;"
    refresh
    # shellcheck disable=SC2206
    arguments=($options "${commands[@]}" ${image:+"$image"})
    run_twin theirs timeout 20 qemu-io "${arguments[@]}"
    run_twin ours timeout 20 qcow-io "${arguments[@]}"
    [ "$kind" = sorted ] && in_any_order
    [ "$kind" = more ] && sed -i '/^qemu-io: /d' theirs.said ours.said
    if [ "$kind" = differs ]; then
        cmp -s theirs.said ours.said || return 0
        echo "NOT DIFFERENT any more: ${arguments[*]}"
        differences=$((differences + 1))
        return
    fi
    compare_twins qemu-io "${arguments[@]}"
    [ "$before" -eq "$differences" ] || return 0
    [ -f "fresh/$image" ] && compare_images "$image" "${arguments[@]}"
    return 0
}

trim() {
    local text=$1
    text=${text#"${text%%[! ]*}"}
    printf '%s' "${text%"${text##*[! ]}"}"
}

run_file() {
    local line kind options commands image

    while IFS= read -r line; do
        case $line in
            '#'* | '') continue ;;
            sorted:* | more:*) kind=${line%%:*} line=${line#*:} ;;
            differs:*) kind=differs line=${line#*:*:} ;;
            *) kind=same ;;
        esac
        [[ ${ROWS-} && ! $line =~ $ROWS ]] && continue
        IFS='|' read -r options commands image <<<"$line"
        run_row "$kind" "$(trim "$options")" "$(trim "$commands")" "$(trim "$image")"
        rows=$((rows + 1))
        if [ "$kind" = differs ]; then
            unchanged=$((unchanged + 1))
        fi
    done <"$1"
}

make_images
for file in "$abs_top_srcdir"/tests/cli/io-rows/*.rows; do
    run_file "$file"
done
echo "$rows rows, of which $unchanged differ on purpose"
finish
