#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# check -r repairs what qemu-img check -r repairs, says and counts the same and exits with the same
# status; and always, whatever qemu-img does:
#   - status 0 says that the next check, ours and qemu-img's, finds nothing;
#   - the disk and each snapshot that could be read before read the same afterwards.
# Images of every kind that qemu-img makes, damaged at random.  One argument or SEED in the
# environment: only this seed, with all that is seen.
#
# On purpose different from qemu-img:
#   - A snapshot table with an impossible entry is left alone, with all else (qemu-img drops entries,
#     and frees what they refer to).
#   - A refcount block beyond the end of the file calls for new structures, not for a longer file.
#   - Flags in a cluster that is an L2 table and something else besides are left alone (qemu-img changes
#     what the guest reads there).
#   - What lies beyond the end of the file is told, and reads as zeroes from then on; qemu-img, where the
#     disk reads as zeroes there, leaves the entries as they are.
#   - Bad entries of the refcount table are repaired (qemu-img fails, and marks the image as corrupt).
set -eu

rounds=${ROUNDS:-1} # damaged copies of each image
first_seed=${FIRST_SEED:-5000}
. "$abs_top_srcdir/tests/interop/check-images.sh"

fail() {
    echo "FAIL: $image with seed $seed, -r $mode: $*"
    cat damage.txt
    head -c 2000 ours.err
    exit 1
}

# The content of the disk and of its snapshots, as far as qemu-img can read it.
views() { # IMAGE
    local snapshot
    [ "$image" != large.qcow2 ] || return 0
    for snapshot in "" one two three; do
        if qemu-img convert -q -f qcow2 -O raw ${snapshot:+-l "snapshot.name=$snapshot"} "$1" view \
            2>/dev/null; then
            echo "$snapshot $(sha256sum <view)"
        fi
    done
}

# Every view of FIRST is in SECOND.
keeps() { # FIRST SECOND
    [ -z "$(comm -23 <(sort "$1") <(sort "$2"))" ]
}

repair() { # PROGRAM FILE OUT
    local status=0
    "$1" check -r "$mode" --output=json "$2" >"$3.out" 2>"$3.err" || status=$?
    sed -i '/"filename":/d' "$3.out"
    # what a program says of itself, and of a file that it could not make longer
    grep -av -e '^q[a-z]*-img: ' -e '^qcow2: ' -e '^ERROR could not resize' "$3.err" |
        sort -u >"$3.txt" || true
    echo "$status"
}

# Both ended properly: what they say is the same.
said_the_same() {
    grep -q 'is outside image' ours.txt && return # qemu-img makes the file longer, if it can
    diff theirs.out ours.out || fail "the counts differ"
    diff theirs.txt ours.txt || fail "the findings differ"
}

compared=0 repaired=0 equal=0
try() {
    local theirs ours
    rm -f theirs ours
    cp --sparse=always damaged theirs
    cp --sparse=always damaged ours
    theirs=$(repair qemu-img theirs theirs)
    ours=$(repair qcow-img ours ours)
    [ -z "$only" ] || { cat theirs.err theirs.out; cat ours.err ours.out; }
    case $ours in
    0)
        qcow-img check -q ours || fail "status 0, but a second check finds something"
        grep -q key-secret theirs.err || qemu-img check -q ours 2>/dev/null ||
            fail "status 0, but qemu-img check finds something"
        repaired=$((repaired + 1))
        ;;
    [123]) ;;
    *) fail "status $ours" ;;
    esac
    views damaged >before
    views ours >after
    keeps before after || fail "something reads otherwise"
    grep -q '^ERROR failed to read the snapshot table' ours.txt && return
    grep -q '^Repairing .* is beyond the end of the file' ours.txt && return
    if [ "$mode" = all ] && grep -q '^ERROR OFLAG_COPIED' ours.txt; then
        return
    fi
    if [ "$theirs" -ne 1 ]; then
        [ "$theirs" -eq "$ours" ] || fail "status $ours instead of $theirs"
        said_the_same
        compared=$((compared + 1))
        ! cmp -s theirs ours || equal=$((equal + 1))
    fi
}

try_one_way() {
    mode=all
    [ $((seed % 4)) -ne 0 ] || mode=leaks
    try
}

damaged_images try_one_way
echo "$equal repairs left the same bytes as qemu-img's; $repaired clean"
enough "$compared" repairs
