#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every image of this folder is opened, described, mapped, read, checked, written and repaired as its
# .expect says; by qemu-img and qemu-io, too, where they are installed.  README tells the words.
set -eu

images=$abs_top_srcdir/tests/images
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs xz
export LC_ALL=C TZ=UTC

tools=(ours)
if command -v qemu-img >/dev/null && command -v qemu-io >/dev/null; then
    tools+=(qemu)
fi
declare -A img=([ours]=qcow-img [qemu]=qemu-img) io=([ours]=qcow-io [qemu]=qemu-io)
words="with|format|password|info|map|read|read-fails|snapshot|check|repair|write|write-fails|fails|audit"

fail() {
    echo "$name: $tool: $*"
    failures=$((failures + 1))
}

# What the .expect says for this tool: the values of each word, each with a newline.
read_expectations() {
    local line word
    expected=()
    while IFS= read -r line; do
        [[ $line =~ ^(($tool)\ )?($words):\ (.*)$ ]] || continue
        word=${BASH_REMATCH[3]}
        expected[$word]+=${BASH_REMATCH[4]}$'\n'
    done <"$images/$name.expect"
}

# Call a function for each value of a word.
each() { # WORD FUNCTION
    local value
    while IFS= read -r value; do
        [[ -z $value ]] || "$2" "$value"
    done <<<"${expected[$1]-}"
}

# How the tools are told which image: by its name, or with a password.
set_image() {
    local password=${expected[password]-}
    file=$name.qcow2
    format=${expected[format]-qcow2}
    format=${format%$'\n'}
    image=(-f "$format" "$file")
    if [[ -n $password ]]; then
        image=(--object "secret,id=key,data=${password%$'\n'}" --image-opts
            "driver=$format,encrypt.key-secret=key,file.filename=$file")
    fi
}

# Files without holes, which map would show.
unpack() {
    local packed
    for packed in $name.qcow2 ${expected[with]-}; do
        xz --no-sparse -dc "$images/$packed.xz" >"untouched/$packed"
    done
    cp untouched/* .
}

try() { # COMMAND...: its exit status is left in $status
    status=0
    timeout 20 "$@" >out 2>err </dev/null || status=$?
}

run_io() { # COMMAND...
    local arguments=()
    for command; do arguments+=(-c "$command"); done
    try "${io[$tool]}" "${mode[@]}" "${arguments[@]}" "${image[@]}"
    cat out >>err
}

succeeds() { # WHAT
    if [[ $status != 0 ]] || grep -q 'verification failed' err; then fail "$1: $(head -c 300 err)"; fi
}

says() { # WHAT SENTENCE
    [[ $status = 1 ]] || fail "$1 ends with $status, not 1"
    grep -qF -- "$2" err || fail "$1 says not \"$2\" but $(head -c 300 err)"
}

map_in_words() {
    sed -nE 's/^.*"start": ([0-9]+), "length": ([0-9]+), "depth": ([0-9]+), (.*)$/\1 \2 depth \3, \4/p' |
        sed -E 's/"offset": ([0-9]+)/at \1/; s/"[a-z]+": false(, )?//g; s/"([a-z]+)": true/\1/g; s/[]}]//g; s/[, ]+$//'
}

verdict() {
    number() { sed -nE "s/^ *\"$1\": ([0-9]+).*/\1/p" out; }
    local corruptions leaks
    corruptions=$(number corruptions)
    leaks=$(number leaks)
    echo "exit $status, corruptions ${corruptions:-0}, leaks ${leaks:-0}"
}

info_says() { # LINE
    grep -qxF -- "$1" info || fail "info does not say \"$1\""
}

check_metadata() {
    if [[ -n ${expected[info]-} ]]; then
        try "${img[$tool]}" info "${image[@]}"
        succeeds info
        sed -E 's/^ +//; s/ +$//' out >info
        each info info_says
    fi
    if [[ -n ${expected[map]-} ]]; then
        try "${img[$tool]}" map --output=json "${image[@]}"
        succeeds map
        diff <(printf %s "${expected[map]}") <(map_in_words <out) || fail "map differs"
    fi
    if [[ -n ${expected[check]-} ]]; then
        try "${img[$tool]}" check --output=json "${image[@]}"
        [[ $(verdict)$'\n' = "${expected[check]}" ]] || fail "check: $(verdict), not ${expected[check]}"
    fi
}

opening_fails() { # SENTENCE
    try "${img[$tool]}" info "${image[@]}"
    says opening "$1"
}

reading_fails() { # OFFSET LENGTH SENTENCE
    local offset length sentence
    read -r offset length sentence <<<"$1"
    run_io "read $offset $length"
    says "reading $offset" "$sentence"
}

snapshot_has() { # NAME PATTERN OFFSET LENGTH
    local snapshot pattern
    read -r snapshot pattern <<<"$1"
    try "${img[$tool]}" convert -l "$snapshot" -f "$format" -O raw "$file" state
    succeeds "converting $snapshot"
    try "${io[$tool]}" -r -f raw -c "read -P $pattern" state
    cat out >>err
    succeeds "reading $snapshot"
    rm -f state
}

add_read() { # PATTERN OFFSET LENGTH
    reads+=("read -P $1")
}

check_content() {
    mode=(-r)
    reads=()
    each read add_read
    if [[ ${#reads[@]} != 0 ]]; then
        run_io "${reads[@]}"
        succeeds reading
    fi
    each fails opening_fails
    each read-fails reading_fails
    each snapshot snapshot_has
    cmp -s "$file" "untouched/$file" || fail "what only reads has changed the file"
}

writing_succeeds() { # OFFSET LENGTH
    run_io "write -P 0x77 $1" flush "read -P 0x77 $1"
    succeeds writing
    try "${img[$tool]}" check -q "${image[@]}"
    [[ $status = 0 || $status = 3 || $status = 63 ]] || fail "what was written is damaged"
    cp untouched/* .
}

writing_fails() { # SENTENCE
    run_io "write 0 512" flush
    says writing "$1"
    cp untouched/* .
}

repair_ends() { # exit N
    try "${img[$tool]}" check -q -r all "${image[@]}"
    [[ exit\ $status = "$1" ]] || fail "repair ends with $status: $(head -c 300 err)"
    [[ $1 = "exit 0" ]] || return 0
    try "${img[$tool]}" check -q "${image[@]}"
    [[ $status = 0 ]] || fail "a repaired image is not good"
}

check_image() {
    rm -rf ./*
    mkdir untouched
    for tool in "${tools[@]}"; do
        read_expectations
        [[ $tool = qemu ]] || unpack
        cp untouched/* .
        set_image
        check_metadata
        check_content
        mode=(-t unsafe)
        each write writing_succeeds
        each write-fails writing_fails
        each repair repair_ends
    done
}

declare -A expected
failures=0
count=0
tool=ours
for expect in "$images"/*.expect; do
    name=$(basename "$expect" .expect)
    [[ $# = 0 || " $* " = *" $name "* ]] || continue
    count=$((count + 1))
    if grep -vE "^(#.*|((ours|qemu) )?($words): .*)?\$" "$expect"; then
        fail "the lines above are none that README tells"
    fi
    check_image
done
for image in "$images"/*.qcow2.xz; do
    name=$(basename "$image" .qcow2.xz)
    # what is only named by another image needs no lines of its own
    [[ -e $images/$name.expect ]] || grep -qx "with:.* $name.qcow2.*" "$images"/*.expect || fail "nothing is expected"
done
echo "$count images, asked of ${tools[*]}: $failures failures"
[[ $count -gt 0 && $failures = 0 ]]
