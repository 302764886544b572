# SPDX-License-Identifier: BSD-3-Clause
# convert-common.sh - what the tests of convert and compare share: a folder of its own as the
# current one, disks with something on them, verdicts
#
# A test reads it with "." as its first act.

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

# fill FILE OFFSET LENGTH: random bytes, of which no two stretches are the same.
fill() {
    head -c "$3" /dev/urandom | dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc status=none
}

# make_disk FILE SIZE: a raw disk with holes, with data of all lengths, with zeroes that are
# written and with zeroes between data; from 8 MiB on it has all of them.
make_disk() {
    local file=$1 size=$2 at
    truncate -s "$size" "$file"
    for at in 0 68k 1M 1540k 2044k 3M 5000k 7M; do
        at=$(numfmt --from=iec "${at^^}")
        if ((at + 300000 < $(stat -c %s "$file"))); then
            fill "$file" "$at" $((at % 7 * 40000 + 513))
        fi
    done
    if ((8388608 <= $(stat -c %s "$file"))); then
        dd if=/dev/zero of="$file" bs=1M seek=4 count=1 conv=notrunc status=none
        dd if=/dev/zero of="$file" bs=1k seek=7200 count=9 conv=notrunc status=none
        fill "$file" 6291456 700000
        dd if=/dev/zero of="$file" bs=512 seek=12320 count=40 conv=notrunc status=none
    fi
}

# make_text FILE SIZE: a raw disk that compresses: text, a hole, text, bytes that do not compress,
# written zeroes and text again, up to an end that no cluster shares.
make_text() {
    seq -f 'line %.0f of a text that goes on and on' 1000000 | head -c "$2" > "$1" || :
    fallocate -p -o $(($2 / 8 / 4096 * 4096)) -l $(($2 / 4 / 4096 * 4096)) "$1"
    fill "$1" $(($2 / 2)) $(($2 / 9))
    dd if=/dev/zero of="$1" bs=512 seek=$(($2 / 1024 * 3 / 2)) count=$(($2 / 8192)) conv=notrunc \
        status=none
}

# same FILE1 FILE2: byte for byte.
same() {
    cmp "$1" "$2" || fail "$1 and $2 are not the same bytes"
}

# same_layout FILE1 FILE2: two images are byte for byte the same; how far a file reaches behind the
# last byte that was written into its last cluster is left to whoever wrote it.
same_layout() {
    local size
    size=$(stat -c %s "$1" "$2" | sort -n | tail -n 1)
    truncate -s "$size" "$1" "$2"
    same "$1" "$2"
}

# same_disk FILE1 FMT1 FILE2 FMT2: QEMU reads the same disk from both.
same_disk() {
    qemu-img compare -q -f "$2" -F "$4" "$1" "$3" || fail "QEMU finds $1 and $3 different"
}

# clean FILE: qemu-img finds nothing at all to complain about.
clean() {
    qemu-img check -q -f qcow2 "$1" || fail "qemu-img check $1"
}

# run PROGRAM WORD...: its exit status is in $status, what it says in out and err.
run() {
    status=0
    "$@" > out 2> err || status=$?
}

# refuses TEXT WORD...: qcow-img exits with 1 and a sentence that contains the text.
refuses() {
    local text=$1
    shift
    run qcow-img "$@"
    [[ $status -eq 1 ]] || fail "qcow-img $*: status $status"
    grep -qF -- "$text" err || fail "qcow-img $* did not say \"$text\" but \"$(cat err)\""
}

# says_what_qemu_says WORD...: both tools print the same on both streams, their names aside, and
# exit with the same status.
says_what_qemu_says() {
    local theirs
    run qemu-img "$@"
    theirs=$status
    rm -f target
    mv out qemu.out
    sed 's/^qemu-img: //; s/qemu-img/qcow-img/' err > qemu.err
    run qcow-img "$@"
    sed -i 's/^qcow-img: //' err
    [[ $status -eq $theirs ]] || fail "$*: status $status, QEMU's is $theirs"
    cmp out qemu.out || fail "$*: prints \"$(cat out)\", QEMU \"$(cat qemu.out)\""
    cmp err qemu.err || fail "$*: says \"$(cat err)\", QEMU \"$(cat qemu.err)\""
}
