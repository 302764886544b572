#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random chains of two to four images, rebased and committed by qemu-img and by qcow-img: every image of the
# chain then reads the same, and qemu-img check finds nothing in ours.
#
#     chains-differential.sh [SEED [CHAINS]]     a chain has its own seed, the next one the next
set -eu
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null || {
    echo "skipped: qemu-img and qemu-io are not installed"
    exit 77
}

seed=${1:-1}
chains=${2:-8}
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

# below N: from 0 to N - 1.
below()
{
    drawn=$(((RANDOM * 32768 + RANDOM) % $1))
}

# pick WORD...
pick()
{
    below $#
    shift $drawn
    picked=$1
}

fail()
{
    echo "chain of seed $seed: $*; again: $0 $seed 1"
    printf '%s\n' "${story[@]}"
    head -c 2000 "$top/said" || true
    exit 1
}

# ------------------------------------------------------------------------------------------------
# A chain: image 0 is the base, the last one is the top; another image is beside it.
# ------------------------------------------------------------------------------------------------

make_options()
{
    pick 512 4096 65536 65536 2097152
    options=cluster_size=$picked
    below 5
    case $drawn in
    0) options+=,compat=v2 ;;
    1) options=cluster_size=$((picked < 16384 ? 16384 : picked)),extended_l2=on ;;
    2)
        pick 1 8 64
        options+=,refcount_bits=$picked
        ;;
    3) [[ $2 == top ]] || options+=,data_file=$1.data ;;
    esac
}

# make NAME BACKING BACKING_FORMAT
make()
{
    below 4000
    local size=$((512 * (drawn + 200))) format=qcow2

    make_options "$1" "${1/image$last/top}"
    if [[ -z $2 ]]; then
        pick raw qcow2 qcow2
        format=$picked
    fi
    [[ -z $2 || $options != *data_file* ]] || options=${options%,data_file*}
    if [[ $format == raw ]]; then
        qemu-img create -q -f raw "$1" $size
    else
        qemu-img create -q -f qcow2 -o "$options" ${2:+-b "$2" -F "$3"} "$1" $size
    fi
    formats[$1]=$format
    sizes[$1]=$size
    story+=("$1: $format, $size bytes, $options${2:+, above $2}")
}

# Some writes, zeroes and compressed clusters, the same wherever it is called: in both folders.
scribble()
{
    local commands=() i at count

    for i in 1 2 3 4 5; do
        below $((sizes[$1] / 512))
        at=$((drawn * 512))
        below $((sizes[$1] / 1024))
        count=$(((drawn + 1) * 512))
        ((at + count <= sizes[$1])) || count=$((sizes[$1] - at))
        below 250
        pick "write -P $drawn" "write -P $drawn" "write -z" "write -z -u"
        commands+=(-c "$picked $at $count")
    done
    for folder in "$top/ours" "$top/theirs"; do
        (cd "$folder" && qemu-io -f "${formats[$1]}" "${commands[@]}" "$1" >"$top/said")
    done
}

make_chain()
{
    local i

    declare -gA formats=() sizes=()
    story=()
    below 3
    last=$((drawn + 1))
    rm -rf "$top/ours" "$top/theirs"
    mkdir "$top/ours"
    cd "$top/ours"
    make image0 "" ""
    for ((i = 1; i <= last; i++)); do
        make image$i image$((i - 1)) "${formats[image$((i - 1))]}"
    done
    make beside "" ""
    cp -r "$top/ours" "$top/theirs"
    for i in "${!formats[@]}"; do
        scribble "$i"
    done
}

# ------------------------------------------------------------------------------------------------
# One operation
# ------------------------------------------------------------------------------------------------

choose_operation()
{
    below 7
    case $drawn in
    0) operation=(rebase -f qcow2 -b beside -F "${formats[beside]}" image$last) ;;
    1)
        below $last
        operation=(rebase -f qcow2 -b image$drawn -F "${formats[image$drawn]}" image$last)
        ;;
    2) operation=(rebase -f qcow2 -b "" image$last) ;;
    3) operation=(rebase -f qcow2 -u -b beside -F "${formats[beside]}" image$last) ;;
    4) operation=(commit -q -f qcow2 image$last) ;;
    5) operation=(commit -q -f qcow2 -d image$last) ;;
    *)
        below $last
        operation=(commit -q -f qcow2 -b image$drawn image$last)
        ;;
    esac
    story+=("${operation[*]}")
}

operate()
{
    local theirs=0 ours=0

    choose_operation
    (cd "$top/theirs" && qemu-img "${operation[@]}" >"$top/said" 2>&1) || theirs=$?
    (cd "$top/ours" && qcow-img "${operation[@]}" >>"$top/said" 2>&1) || ours=$?
    [[ $ours -eq $theirs ]] || fail "exit status $ours, of qemu-img $theirs"
}

# QEMU finds data files from where it is.
compare_chains()
{
    local name folder

    for name in "${!formats[@]}"; do
        for folder in ours theirs; do
            cd "$top/$folder"
            qemu-img convert -f "${formats[$name]}" -O raw "$name" "$top/$folder.raw" \
                >"$top/said" 2>&1 || fail "$name of $folder cannot be read"
        done
        cmp "$top/ours.raw" "$top/theirs.raw" >"$top/said" || fail "$name differs"
        cd "$top/ours"
        [[ ${formats[$name]} == raw ]] || qemu-img check -q -f qcow2 "$name" 2>&1 |
            head -c 4000 >"$top/said"
        [[ ! -s $top/said ]] || fail "the check of $name"
    done
}

for ((n = 0; n < chains; n++, seed++)); do
    RANDOM=$((seed % 32768))
    make_chain
    for turn in 1 2 3; do
        operate
        compare_chains
        [[ $turn -eq 3 ]] || scribble image$last
    done
done
echo "$chains chains, the last of seed $((seed - 1))"
