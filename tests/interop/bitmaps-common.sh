# SPDX-License-Identifier: BSD-3-Clause
# bitmaps-common.sh - what the tests of bitmaps share: a folder of their own, and bitmaps as QEMU reads
# them

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io qemu-nbd nbdinfo

# clean FILE: neither check finds anything.
clean() {
    qemu-img check -q "$1" || fail "qemu-img check $1"
    qcow-img check -q "$1" || fail "qcow-img check $1"
}

# end_process PROCESS, which is not our child.
end_process() {
    kill "$1"
    while kill -0 "$1" 2>/dev/null; do sleep 0.02; done
}

# dirty FILE BITMAP: the dirty extents, "offset length" each.
dirty() {
    qcow-img map --output=json --bitmap "$2" "$1" |
        sed -nE 's/.*"start": ([0-9]+), "length": ([0-9]+), "dirty": true.*/\1 \2/p'
}

# qemu_dirty FILE BITMAP: the same, as QEMU tells them.
qemu_dirty() {
    qemu-nbd -r -f qcow2 -B "$2" --fork --pid-file="$work/nbd.pid" -k "$work/nbd.sock" "$1"
    nbdinfo --map="qemu:dirty-bitmap:$2" "nbd+unix:///?socket=$work/nbd.sock" |
        awk '$4 == "dirty" { print $1, $2 }'
    end_process "$(cat "$work/nbd.pid")"
}
