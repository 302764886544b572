#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What stands behind a "$" in the examples of the pages of qcow-img and qcow-io can be run, in the order of
# the page; an incremental backup that is made so is as the disk is.
set -eu

# shellcheck source=tests/unit/manual-text.sh
. "$abs_top_srcdir/tests/unit/manual-text.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The commands of page $1, each on one line, behind the number of the example.
commands() {
    page_text "$1" | sed -n '/^\.SH EXAMPLE/,$p' | awk '
        /^\.EX/ { inside = 1; number++; next }
        /^\.EE/ { inside = 0 }
        inside && (/^\$ / || goes_on) {
            goes_on = /[\\|]$/
            sub(/^\$ /, number " "); sub(/\\$/, "")
            printf "%s%s", $0, goes_on ? " " : "\n"
        }'
}

# The files that examples name: a disk with a snapshot, and chains above it.
make_files() {
    qcow-img create -q -f qcow2 disk.qcow2 64M
    qcow-io -c 'write -q -P 1 0 1M' disk.qcow2
    qcow-img snapshot -c before-upgrade disk.qcow2
    cp disk.qcow2 base.qcow2
    cp disk.qcow2 other.qcow2
    cp disk.qcow2 upload.qcow2
    qcow-img create -q -f qcow2 -b base.qcow2 -F qcow2 middle.qcow2
    qcow-img create -q -f qcow2 -b middle.qcow2 -F qcow2 overlay.qcow2
    qcow-io -c 'write -q -P 2 1M 1M' overlay.qcow2
    truncate -s 1G disk.raw
    printf old >old.txt
    printf new >new.txt
    printf secret >password.txt
}

# What an example finds that others do not.
before() { # PAGE NUMBER
    case $1 in
        "qcow-img-amend.1 2")
            rm disk.qcow2
            qcow-img create -q -f qcow2 --object secret,id=old,file=old.txt \
                -o encrypt.format=luks,encrypt.key-secret=old,encrypt.iter-time=10 disk.qcow2 1M
            ;;
        "qcow-img-map.1 1") qcow-img bitmap --add disk.qcow2 since-monday ;;
        "qcow-img-bitmap.1 3")
            qcow-io -c 'write -q -P 3 4M 100k' -c 'discard -q 0 512k' -c 'write -q -z 600k 100k' disk.qcow2
            ;;
        "qcow-img-bitmap.1 4") qcow-img bitmap --remove disk.qcow2 week ;;
    esac
}

# What is not to be run as it stands, made so that it can.
lvcreate() { [[ "$*" =~ ^-n\ disk\ -L\ [0-9]+b\ volumes$ ]]; }
jq() { sed -n "s/.*\"${1#.}\": \([0-9]*\).*/\1/p"; }

may_fail() { # images that differ, images that are judged
    [[ $1 = "qcow-img compare disk.qcow2 other.qcow2" || $1 = "qcow-img compare disk.qcow2 disk.raw" ]]
}

run=0
for page in $(cd "$man" && ls qcow-img*.1 qcow-io.1); do
    rm -rf "$work/files"
    mkdir "$work/files"
    cd "$work/files"
    make_files
    last=0
    while read -r number command; do
        [[ $number = "$last" ]] || before "$page $number"
        last=$number
        # how long it takes to try a password is not what is tried here
        command=${command/encrypt.format=luks/encrypt.format=luks,encrypt.iter-time=10}
        command=${command/encrypt.new-secret=new/encrypt.new-secret=new,encrypt.iter-time=10}
        status=0
        (set -o pipefail; eval "$command") >said 2>&1 </dev/null || status=$?
        [[ $status = 0 ]] || { [[ $status = 1 ]] && may_fail "$command"; } || {
            complain "$page: $command: status $status: $(head -c 500 said)"
        }
        run=$((run + 1))
    done < <(commands "$page")
    [[ $page != qcow-img-bitmap.1 ]] || qcow-img compare -q disk.qcow2 monday.qcow2 ||
        complain "$page: the incremental backup is not as the disk is"
done
[[ $run -gt 40 ]] || complain "found $run examples: the search is broken"
echo "$run examples"
exit $fail
