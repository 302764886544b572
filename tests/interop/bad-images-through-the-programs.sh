#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Damaged images through qcow-img and qcow-io: each verb ends by itself with an exit status of its own
# and a sentence, in little time and memory; verbs that read leave the file as it is.
set -eu

maker=${abs_top_builddir:-$PWD/..}/tests/interop/bad-images
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/images"
"$maker" -m "$tmp/images" >"$tmp/list"
cd "$tmp"
failures=0

# A sanitized program needs address space beyond measure.
limit=$((1 << 20)) # KiB
(ulimit -v $limit && qcow-img --version >/dev/null 2>&1) || limit=unlimited

fail() {
    echo "$name: $*" >&2
    sed 's/^/    /' err >&2
    failures=$((failures + 1))
}

# Ends by itself, and says why if it fails.  The status is left in $status.
run() { # VERB COMMAND...
    verb=$1
    shift
    status=0
    (ulimit -v $limit && exec timeout 20 "$@") >out 2>err || status=$?
    [ "$status" -le 3 ] || [ "$status" = 63 ] || fail "$verb ends with $status"
    [ "$status" = 0 ] || [ -s err ] || [ "$verb" = check ] || fail "$verb fails without a word"
    if LC_ALL=C grep -q '[^[:print:][:space:]]' out err; then fail "$verb prints control characters"; fi
}

# One line, which says what is expected.
expect_sentence() {
    [ "$status" = 1 ] || fail "$verb ends with $status, not 1"
    grep -qF -- "$sentence" err || fail "$verb does not say \"$sentence\""
    [ "$(wc -l <err)" = 1 ] || fail "$verb says more than one line"
}

read_verbs() {
    run info qcow-img info -f qcow2 image
    [ $status = 0 ] || expect_sentence
    run check qcow-img check -f qcow2 image
    case $stage in
    read | write | check)
        # neither compressed streams nor version 2's zero flags are looked into
        case $name in stream-* | *-version-2) ;; *)
            [ $status != 0 ] || fail "check finds nothing" ;;
        esac ;;
    esac
    run map qcow-img map -f qcow2 image
    [ "$stage" != open ] || expect_sentence
    run snapshots qcow-img snapshot -l image
    run convert qcow-img convert -f qcow2 -O raw image raw
    case $stage in open | read) expect_sentence ;; esac
    run read qcow-io -r -f qcow2 -c "read 0 64k" image
    case $stage in open | read) [ $status = 1 ] || fail "read ends with $status" ;; esac
}

write_verbs() {
    run write qcow-io -f qcow2 -c "write 512 512" -c "write 1049088 512" -c "flush" image
    case $stage in
    open | open-rw) expect_sentence ;;
    write)
        [ $status = 1 ] || fail "write ends with $status"
        grep -qF -- "$sentence" err || fail "write does not say \"$sentence\"" ;;
    esac
}

while read -r name stage sentence; do
    cp "images/$name.qcow2" image
    read_verbs
    cmp -s "images/$name.qcow2" image || fail "a reading verb changed the file"
    write_verbs
done <list

[ -s list ] || { echo "no images were made" >&2; exit 1; }
echo "$(wc -l <list) images, $failures failures"
[ $failures = 0 ]
