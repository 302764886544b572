#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every verb that reports something does so in JSON when asked: one valid value on standard output and
# nothing else, with the members that the manual names, whatever the files are called.  What a verb says
# without --output is the same as with --output=human.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs python3
name=$(printf 'a "b"\\ \303\251 \033[1m\377,')
qcow-img create -q -f qcow2 "$name" 1M
qcow-io -c 'write -P 1 64k 64k' "$name" >/dev/null
qcow-img snapshot -c first "$name"
qcow-img bitmap --add "$name" changes
qcow-img create -q -f qcow2 empty.qcow2 1M

# reports KEYS VERB WORDS...: members of the object, or of the first object of an array; "-": any.
reports() {
    local keys=$1 verb=$2
    shift 2
    seen="$seen $verb"
    qcow-img "$verb" --output=json "$@" >answer 2>complaint || [ $? -le 2 ] && [ ! -s complaint ] ||
        { echo "$verb --output=json: $(cat complaint)"; exit 1; }
    python3 - "$keys" "$verb" <<'PYTHON'
import json, sys
answer = json.load(open("answer"), parse_constant=lambda word: sys.exit("no JSON: " + word))
first = answer[0] if isinstance(answer, list) else answer
if sys.argv[1] != "-" and sorted(first) != sorted(sys.argv[1].split()):
    sys.exit("%s: the members are %s" % (sys.argv[2], " ".join(first)))
PYTHON
    qcow-img "$verb" "$@" >plain 2>&1 || true
    qcow-img "$verb" --output=human "$@" >human 2>&1 || true
    sed -i 's/^Run completed in .*/Run completed/' plain human
    cmp plain human
    [ -s plain ] || { echo "$verb says nothing"; exit 1; }
}

seen=
reports - audit "$name"
reports "filename operation requests buffer-size step-size offset depth flush-interval seconds \
    requests-per-second bytes-per-second" bench -c 20 "$name"
reports - check "$name"
reports "identical same-size" compare "$name" "$name"
reports "identical same-size mismatch offset" compare "$name" empty.qcow2
reports "filename format options" create -f qcow2 "$name.new" 1M
reports - info "$name"
reports "start length depth present zero data" map "$name"
reports "start length dirty" map --bitmap changes "$name"
reports "required fully-allocated bitmaps" measure -O qcow2 "$name"
reports - snapshot -l "$name"

# Whatever knows the option has been asked, and what does not know it says a line at most.
for verb in $(qcow-img --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    if qcow-img "$verb" --help | grep -q -e --output; then
        [[ " $seen " = *" $verb "* ]] || { echo "$verb: not asked"; exit 1; }
    fi
done
qcow-img create -q -f qcow2 -b empty.qcow2 -F qcow2 top.qcow2
for words in 'amend -o lazy_refcounts=on top.qcow2' 'bitmap --add top.qcow2 b' 'commit top.qcow2' \
    'convert -O raw top.qcow2 x.raw' 'dd -O raw if=top.qcow2 of=x.raw' 'rebase -b  top.qcow2' \
    'resize top.qcow2 2M'; do
    IFS=' ' read -r -a words <<<"$words"
    [ "${words[0]}" = rebase ] && words=(rebase -b '' top.qcow2)
    [ "$(qcow-img "${words[@]}" | wc -l)" -le 1 ] || { echo "${words[*]}: more than a line"; exit 1; }
done

# What was made and what was measured.
qcow-img create --output=json -f qcow2 -o lazy_refcounts=yes,cluster_size=4k new.qcow2 1000 >answer
qcow-img bench --output=json -c 30 -s 4k -d 2 -w --flush-interval=4 --pattern=7 new.qcow2 >measured 2>complaint ||
    grep -q 'Failed request' complaint
qcow-img bench --output=json -c 30 -s 4k -d 2 -w --flush-interval=4 "$name" >measured
python3 - <<'PYTHON'
import json
options = json.load(open("answer"))["options"]
assert options["cluster_size"] == 4096 and options["lazy_refcounts"] is True and options["size"] == 1000, options
found = json.load(open("measured"))
assert found["requests"] == 30 and found["operation"] == "write" and found["flush-interval"] == 4, found
assert abs(found["seconds"] * found["requests-per-second"] - 30) < 0.01, found
assert abs(found["requests-per-second"] * 4096 - found["bytes-per-second"]) < 100, found
PYTHON
[ -z "$(qcow-img create -q --output=json -f raw quiet.raw 1M)" ]
