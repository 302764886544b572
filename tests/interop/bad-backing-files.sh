#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Backing files that are missing, that form a loop, that are no files, or that are too many: one
# sentence, in little time, and nothing is written.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
failures=0

overlay() { # FILE BACKING [FORMAT]
    qcow-img create -q -u -f qcow2 -b "$2" -F "${3-qcow2}" new 1M
    mv new "$1"
}

# The format of the backing file is in the header's first extension.
name_format() { # FILE FIVE-LETTERS
    printf %s "$2" | dd of="$1" bs=1 seek=120 conv=notrunc status=none
}

# Take the format of the backing file out of the header: the first extension becomes an unknown one.
forget_format() { # FILE
    printf '\x12\x34\x56\x78' | dd of="$1" bs=1 seek=112 conv=notrunc status=none
}

# The name of the backing file is the last thing in the header: nothing lies behind it.
rename_backing() { # FILE NAME-OF-THE-SAME-LENGTH
    local at
    at=$((0x$(dd if="$1" bs=1 skip=8 count=8 status=none | od -An -tx1 | tr -d ' \n')))
    printf "$2" | dd of="$1" bs=1 seek=$at conv=notrunc status=none
}

long_chain() {
    local i
    qcow-img create -q -f qcow2 0 1M
    for i in $(seq 210); do overlay "$i" $((i - 1)); done
    mv 210 top
}

# What is made (a file "top"), and what is said of it.
cases=(
    "overlay top missing                       | No such file"
    "overlay top missing raw                   | No such file"
    "overlay top top                           | is a loop"
    "overlay top b; overlay b top              | is a loop"
    "overlay top b; overlay b c; overlay c b   | is a loop"
    "ln -s top link; overlay top link          | is a loop"
    "overlay top ./././top                     | is a loop"
    "mkdir dir; overlay top dir raw            | "
    "mkfifo pipe; overlay top pipe raw         | "
    "overlay top /dev/null                     | "
    "overlay top text; echo text >text         | not in qcow2 format"
    "overlay top text; : >text                 | not in qcow2 format"
    "overlay top base; : >base; name_format top bogus | bogus"
    "overlay top b; overlay b missing          | No such file"
    "truncate -s 1M raw; overlay top raw raw; forget_format top | format"
    "overlay top abcdef; rename_backing top 'nbd:ab' | "
    "overlay top abcdef; rename_backing top 'json:{' | "
    "overlay top abcdef; rename_backing top 'a\0cdef' | NUL"
    "overlay top abcdef; rename_backing top 'a\33[2Jb' | "
    "long_chain                                | "
)

fail() {
    echo "$made: $*" >&2
    sed 's/^/    /' err >&2
    failures=$((failures + 1))
}

# Fails with 1 and a single line that a terminal can show.
refuses() { # VERB COMMAND...
    local verb=$1 status=0
    shift
    timeout 20 "$@" >out 2>err </dev/null || status=$?
    [ $status = 1 ] || fail "$verb ends with $status, not 1"
    [ "$(wc -l <err)" = 1 ] || fail "$verb says not one line"
    grep -qF -- "$said" err || fail "$verb does not say \"$said\""
    ! LC_ALL=C grep -q '[^[:print:][:space:]]' err || fail "$verb prints control characters"
}

for row in "${cases[@]}"; do
    made=${row%%|*} said=${row##*| }
    rm -rf ./*
    eval "$made"
    cp top before
    refuses map qcow-img map -f qcow2 top
    refuses convert qcow-img convert -f qcow2 -O raw top out.raw
    refuses read qcow-io -r -f qcow2 -c "read 0 4k" top
    refuses write qcow-io -f qcow2 -c "write 0 4k" top
    cmp -s before top || fail "the file has changed"
    [ -s out.raw ] && fail "convert left a target"
    # these look at the one file only
    for verb in check "snapshot -l"; do
        case $said in *NUL*) continue ;; esac
        timeout 20 qcow-img $verb top >out 2>err || fail "$verb fails"
    done
done

echo "${#cases[@]} kinds of backing files, $failures failures"
[ $failures = 0 ]
