# SPDX-License-Identifier: BSD-3-Clause
# twins.sh - run the same command with QEMU's tools and with ours, and compare
#
# Each of the two works in a folder of its own ("theirs", "ours"), so that what they write can be
# compared, too.  What must differ is masked: the program's name, the time of day, how long
# something took and how many bytes the host's file system spends on a file.

command -v qemu-img >/dev/null && command -v qemu-io >/dev/null || {
    echo "skipped: qemu-img and qemu-io are not installed"
    exit 77
}

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir "$top/theirs" "$top/ours"
cd "$top"
differences=0

# The same file in both folders: FILE from standard input.
both_get() {
    cat > "$top/theirs/$1"
    cp "$top/theirs/$1" "$top/ours/$1"
}

# Run the command in both folders, with whatever tools it names.
both() {
    (cd theirs && "$@" >/dev/null)
    (cd ours && "$@" >/dev/null)
}

mask() {
    sed -E \
        -e 's/^qcow-(img|io)([:>])/qemu-\1\2/' \
        -e "s/(Try|use) 'qcow-img/\\1 'qemu-img/" \
        -e 's/^(disk size:).*/\1 SIZE/' \
        -e 's/("actual-size":) [0-9]+/\1 SIZE/' \
        -e 's/("date-n?sec":) [0-9]+/\1 DATE/' \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/DATE/' \
        -e 's/[0-9:.]+( sec)? \([^)]*sec\)$/TIME/' \
        -e 's/^([0-9]+,1,)[0-9:.,]*$/\1TIME/' \
        -e 's/^(Run completed in) .*/\1 TIME/' \
        -e 's/(\[[^]]*\]\?)( \(held by [^)]*\))?( \(--wait [^)]*\))?$/\1/'
}

# run_twin FOLDER PROGRAM ARGUMENTS...: what it says, and its exit status.
run_twin() {
    local folder=$1 status=0
    shift
    (cd "$top/$folder" && exec "$@") >"$top/$folder.out" 2>"$top/$folder.err" </dev/null ||
        status=$?
    {
        echo "[standard output]"
        mask <"$top/$folder.out"
        echo "[standard error]"
        mask <"$top/$folder.err"
        echo "[exit status $status]"
    } >"$top/$folder.said"
}

compare_twins() {
    diff -u theirs.said ours.said >difference && return
    echo "DIFFERENT (- QEMU's, + ours): $*"
    cat difference
    differences=$((differences + 1))
}

# same ARGUMENTS...: qemu-img and qcow-img say the same and end with the same status.
same() {
    run_twin theirs qemu-img "$@"
    run_twin ours qcow-img "$@"
    compare_twins qemu-img "$@"
}

# same_io ARGUMENTS...: so do qemu-io and qcow-io.
same_io() {
    run_twin theirs qemu-io "$@"
    run_twin ours qcow-io "$@"
    compare_twins qemu-io "$@"
}

# same_space FILE BYTES: the file takes as much of the host's space in both folders, but for so many
# bytes (which metadata may take in other places, or not at all where it lies in a hole).
same_space() {
    local theirs ours more
    theirs=$(($(stat -c %b "$top/theirs/$1") * 512))
    ours=$(($(stat -c %b "$top/ours/$1") * 512))
    more=$((ours > theirs ? ours - theirs : theirs - ours))
    [ "$more" -le "$2" ] && return
    echo "DIFFERENT: $1 takes $ours bytes on the host, QEMU's $theirs"
    differences=$((differences + 1))
}

# The last line of a test.
finish() {
    [ "$differences" -eq 0 ] && exit 0
    echo "$differences commands were not the same"
    exit 1
}
