#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The library's check and qemu-img check say the same of the same image: the counts exactly, and the
# findings (each once, in any order).  Images of every kind that qemu-img makes, whole and then
# damaged at random.  One argument or SEED in the environment: only this seed, with all that is seen.
#
# Where qemu-img does not open an image, or gives up its check, there is nothing to compare: ours
# must end properly.  Ours may refuse a truncated file, or give up on a snapshot table, where
# qemu-img goes on; and it tells of clusters that are elsewhere in a data file than they should be.
set -eu

rounds=${ROUNDS:-12} # damaged copies of each image
first_seed=${FIRST_SEED:-1000}
. "$abs_top_srcdir/tests/interop/check-images.sh"

# ---- the comparison ----

counts="corruptions leaks check-errors image-end-offset total-clusters allocated-clusters \
fragmented-clusters compressed-clusters"

# The counts of qemu-img's JSON (those that are 0 may be missing) on one line, or nothing.
counts_of_qemu_img() {
    awk -v names="$counts" '
        /": / { gsub(/[",:]/, " "); value[$1] = $2; seen = 1 }
        END {
            if (!seen) exit
            n = split(names, name, " ")
            for (i = 1; i <= n; i++) printf "%s%s=%d", (i > 1 ? " " : ""), name[i], value[name[i]]
            print ""
        }' "$1"
}

# What qemu-img prints as a program, and not of the image.
findings() {
    grep -av -e '^qcow2: Image is corrupt' -e '^qemu-img: ' -e '^Some clusters may be leaked' \
        -e '^$' "$1" | sort -u || true
}

compared=0
compare() { # IMAGE
    local status=0
    qemu-img check --output=json "$1" >theirs.json 2>theirs.err || status=$?
    "$tests/check-image" "$1" >ours.out 2>ours.err || {
        echo "check-image fails on $1"
        cat ours.err
        return 1
    }
    counts_of_qemu_img theirs.json >theirs.out
    [ -z "$only" ] || cat theirs.err theirs.out ours.err ours.out
    [ -s theirs.out ] || return 0
    if grep -q '^refused: .*beyond the end of the file' ours.out ||
        grep -q '^ERROR failed to read the snapshot table' ours.err ||
        grep -q 'is not at its place in the data file' ours.err; then
        return 0
    fi
    findings theirs.err >theirs.txt
    findings ours.err >ours.txt
    diff theirs.out ours.out && diff theirs.txt ours.txt || return 1
    compared=$((compared + 1))
}

for image in *.qcow2; do
    if [ -z "$only" ]; then
        compare "$image" || { echo "FAIL: $image, whole"; exit 1; }
    fi
done

compare_damaged() {
    [ -z "$only" ] || { echo "$image"; cat damage.txt; }
    compare damaged || {
        echo "FAIL: $image with seed $seed (qemu-img <, ours >):"
        cat damage.txt
        exit 1
    }
}

damaged_images compare_damaged
enough "$compared" images
