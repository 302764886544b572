#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What other programs call qemu-img for, and what they make of its answers: the same with qcow-img
# under that name.
#
# Every file of wild/ is a list of stanzas, one for a call in a program that everybody can read:
#
#     from PROGRAM: FILE, what it is after
#     run COMMAND         with a shell, in a folder of fresh images, once with QEMU's qemu-img and
#                         once with ours; status, and silence on standard error, must be the same
#     grep REGEX          what the program takes from standard output by this expression (Perl's; a
#                         carriage return ends a line), which must be something
#     last REGEX          the last such thing: steps of progress may be others
#     complaint REGEX     the same from standard error
#     json PATH...        members that it reads of an answer in JSON: type and value; of PATH# the
#                         type only; one that is not there is not there in both
#     text                the whole answer, but for how much space a file takes
#     image FILE          the disk in this file is the same, and sound
#
# ONLY=REGEX runs the stanzas whose first line matches.
set -eu
for tool in qemu-img qemu-io python3; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
mkdir "$top/bin" "$top/fresh" "$top/answers"
their_path=$PATH
qemu_img=$(command -v qemu-img)

# In the build tree the command is a script of libtool's, and the program is beside it.
program=$(command -v qcow-img)
hidden=$(dirname "$program")/.libs/qcow-img
[ -x "$hidden" ] && program=$hidden
ln -s "$program" "$top/bin/qemu-img"
cd "$top"

# A cluster beyond the last one that has a refcount and no reference.
make_leak() {
    truncate -s 524288 "$1"
    printf '\0\1' | dd of="$1" bs=1 seek=$((0x20000 + 14)) conv=notrunc status=none
}

make_images() {
    cd fresh
    qemu-img create -q -f raw base.raw 1M
    qemu-io -f raw -c 'write -P 1 64k 128k' -c 'write -P 2 768k 64k' base.raw
    qemu-img convert -f raw -O qcow2 base.raw data.qcow2
    qemu-img convert -f raw -O qcow2 -o compat=0.10 base.raw old.qcow2
    qemu-img create -q -f qcow2 -b data.qcow2 -F qcow2 mid.qcow2
    qemu-io -c 'write -P 3 128k 64k' mid.qcow2
    qemu-img create -q -f qcow2 -b mid.qcow2 -F qcow2 top.qcow2
    qemu-io -c 'write -P 4 256k 64k' -c 'write -z 64k 64k' top.qcow2
    qemu-img convert -O qcow2 data.qcow2 snap.qcow2
    qemu-img snapshot -c first snap.qcow2
    qemu-io -c 'write -P 5 0 64k' snap.qcow2
    qemu-img snapshot -c before-update snap.qcow2
    qemu-img convert -O qcow2 data.qcow2 marked.qcow2
    qemu-img bitmap --add -g 64k marked.qcow2 b0
    qemu-io -c 'write -P 6 0 64k' marked.qcow2
    qemu-img convert -O qcow2 data.qcow2 leaky.qcow2
    make_leak leaky.qcow2
    cd ..
}

fail() {
    echo "DIFFERENT: $source"
    echo "    $*"
    differences=$((differences + 1))
}

run_in() {
    local status=0
    (cd "$1" && PATH=$2 LC_ALL=C bash -c "$3") >"$1.out" 2>"$1.err" </dev/null || status=$?
    sed -i -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/2022-12-14 12:00:00/' "$1.out"
    echo "$status" >"$1.status"
}

# The shadow of a sanitizer's runtime is larger than any limit of address space.
without_shadow() {
    if [[ $(ldd "$QCOW2_PLUGIN" 2>/dev/null) =~ lib[at]san ]]; then
        sed -E 's/ --as=[0-9]+//'
    else
        cat
    fi
}

do_run() {
    runs=$((runs + 1))
    run_in theirs "$their_path" "$1"
    run_in ours "$top/bin:$their_path" "$(without_shadow <<<"$1")"
    cmp -s theirs.status ours.status ||
        fail "$1 ends with $(cat ours.status), not $(cat theirs.status): $(head -c 400 ours.err)"
    [ "$(head -c 1 theirs.err | wc -c)" -eq "$(head -c 1 ours.err | wc -c)" ] ||
        fail "$1 complains: '$(head -c 400 ours.err)', not '$(head -c 400 theirs.err)'"
}

# what_matches STREAM REGEX [FILTER...]
what_matches() {
    for folder in theirs ours; do
        tr '\r' '\n' <"$folder.$1" | grep -Po -e "$2" | "${@:3}" >"$folder.found" || true
    done
    [ -s theirs.found ] || fail "$2 matches nothing"
    cmp -s theirs.found ours.found ||
        fail "$2 finds '$(head -c 400 ours.found)', not '$(head -c 400 theirs.found)'"
}

# Read later, all at once.
keep_json() {
    local name
    kept=$((kept + 1))
    name=answers/$kept
    cp theirs.out "$name.theirs"
    cp ours.out "$name.ours"
    printf '%s\n%s\n' "$source" "$1" >"$name.asked"
}

compare_text() {
    for folder in theirs ours; do
        sed -i -E 's/^(disk size:).*/\1 SIZE/; s/("actual-size":) [0-9]+/\1 SIZE/' "$folder.out"
    done
    diff -u theirs.out ours.out >text.diff || fail "$(cat text.diff)"
}

compare_image() {
    "$qemu_img" compare "theirs/$1" "ours/$1" >image.said 2>&1 ||
        fail "$1: $(head -c 400 image.said)"
    case $1 in
        *.qcow2) "$qemu_img" check "ours/$1" >image.said 2>&1 ||
            fail "$1: $(head -c 400 image.said)" ;;
    esac
}

begin() {
    source=$1
    stanzas=$((stanzas + 1))
    rm -rf theirs ours
    cp -r --sparse=always fresh theirs
    cp -r --sparse=always fresh ours
}

do_line() {
    local word=${1%% *} rest=${1#* }

    case $word in
        from) begin "$rest" ;;
        run) do_run "$rest" ;;
        grep) what_matches out "$rest" cat ;;
        last) what_matches out "$rest" tail -n 1 ;;
        complaint) what_matches err "$rest" cat ;;
        json) keep_json "$rest" ;;
        text) compare_text ;;
        image) compare_image "$rest" ;;
        *) echo "no such directive: $1"; exit 1 ;;
    esac
}

read_stanzas() {
    local line skipped=

    while IFS= read -r line; do
        case $line in
            '#'* | '') continue ;;
            from*) [[ ! ${ONLY-} || $line =~ $ONLY ]] && skipped= || skipped=yes ;;
        esac
        [ -n "$skipped" ] || do_line "$line"
    done <"$1"
}

compare_json() {
    python3 - answers <<'PYTHON'
import json, pathlib, sys

MISSING = object()

def find(value, path):
    for word in path.split("."):
        if isinstance(value, list) and word.isdigit() and int(word) < len(value):
            value = value[int(word)]
        elif isinstance(value, dict) and word in value:
            value = value[word]
        else:
            return MISSING
    return value

def describe(value, type_only):
    if value is MISSING:
        return "not there"
    name = type(value).__name__
    return name if type_only else f"{name} {json.dumps(value, sort_keys=True)}"

bad = 0
for asked in sorted(pathlib.Path(sys.argv[1]).glob("*.asked")):
    source, paths = asked.read_text().splitlines()
    theirs = json.loads(asked.with_suffix(".theirs").read_text())
    ours = json.loads(asked.with_suffix(".ours").read_text())
    for path in paths.split():
        name = path.rstrip("#")
        a, b = (describe(find(value, name), path.endswith("#")) for value in (theirs, ours))
        if a != b:
            print(f"DIFFERENT: {source}\n    {name} is {b}, not {a}")
            bad += 1
sys.exit(min(bad, 100))
PYTHON
}

differences=0
stanzas=0
runs=0
kept=0
make_images >/dev/null
for file in "$abs_top_srcdir"/tests/cli/wild/*.wild; do
    read_stanzas "$file"
done
compare_json || differences=$((differences + $?))
echo "$stanzas stanzas, $runs calls, $differences differences"
[ "$differences" -eq 0 ]
