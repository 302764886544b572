# SPDX-License-Identifier: BSD-3-Clause
# common.sh - what the tests in this room share: a folder in $work, programs, servers, verdicts
#
# A test reads it with "." as its first act.

work=$(mktemp -d)
servers=()

end_test() {
    local status=$?
    local process
    for process in ${servers[@]+"${servers[@]}"}; do
        kill -9 "$process" 2> /dev/null || true
        wait "$process" 2> /dev/null || true
    done
    if [[ $status -ne 0 && $status -ne 77 ]]; then
        tail -n 20 "$work"/*.log 2> /dev/null || true
    fi
    rm -rf "$work"
}
trap end_test EXIT

patience=60 # seconds

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# need PROGRAM...: skip the test where one is missing.
need() {
    local program
    for program; do
        if ! command -v "$program" > /dev/null; then
            echo "skipped: $program is not installed"
            exit 77
        fi
    done
}

# serve NAME WORD...: start nbdkit with these words, and wait until clients may connect.  Afterwards
# its process is in $server, its address in $uri, and what it says in $work/NAME.log.
serve() {
    local name=$1 try
    shift
    rm -f "$work/$name.sock" "$work/$name.pid"
    nbdkit --foreground --exit-with-parent --unix "$work/$name.sock" --pidfile "$work/$name.pid" \
        "$@" 2> "$work/$name.log" &
    server=$!
    servers+=("$server")
    uri="nbd+unix:///?socket=$work/$name.sock"
    for try in {1..300}; do
        if [[ -s $work/$name.pid ]]; then
            return
        fi
        kill -0 "$server" 2> /dev/null || break
        sleep 0.1
    done
    fail "nbdkit $* did not start (looked $try times)"
}

# serve_faulty NAME FILE FAULT...: the same with faulty-server.py, which tells its faults.
serve_faulty() {
    local name=$1
    shift
    rm -f "$work/$name.sock" "$work/$name.pid"
    python3 "$abs_top_srcdir/tests/nbd/faulty-server.py" "$work/$name.sock" "$work/$name.pid" "$@" \
        2> "$work/$name.log" &
    server=$!
    servers+=("$server")
    uri="nbd+unix:///?socket=$work/$name.sock"
    for _ in {1..600}; do
        if [[ -s $work/$name.pid ]]; then
            return
        fi
        sleep 0.02
    done
    fail "the faulty server did not start"
}

# End the server started last as its user would; it must go without complaint.
stop_server() {
    local status=0
    kill "$server"
    for ((i = 0; i < patience * 10; i++)); do
        kill -0 "$server" 2> /dev/null || break
        sleep 0.1
    done
    kill -9 "$server" 2> /dev/null || true
    wait "$server" 2> /dev/null || status=$?
    if [[ $status -ne 0 ]]; then
        fail "nbdkit ended with status $status"
    fi
}

# kill_hard PROCESS: as a crash would.
kill_hard() {
    kill -9 "$1"
    wait "$1" 2> /dev/null || true
}

# stay NAME: connect a client that stays, and whose process is then in $client.  It writes without
# FUA unless told so.
declare -A input
stay() {
    local fd
    mkfifo "$work/$1.input"
    qemu-io -t writeback -f raw "$uri" < "$work/$1.input" > "$work/$1.output" 2>&1 &
    client=$!
    servers+=("$client")
    exec {fd}> "$work/$1.input"
    input[$1]=$fd
}

# tell NAME COMMAND: let it carry out a command of qemu-io's, and wait until it has.
tell() {
    prompts "$1" 1
    local told
    told=$(grep -o 'qemu-io> ' "$work/$1.output" | wc -l)
    echo "$2" >&"${input[$1]}"
    prompts "$1" $((told + 1))
}

# prompts NAME COUNT: wait until it has asked for a command so many times.
prompts() {
    for _ in {1..300}; do
        [[ $(grep -o 'qemu-io> ' "$work/$1.output" | wc -l) -lt $2 ]] || return 0
        sleep 0.1
    done
    fail "$1 does not answer: $(cat "$work/$1.output")"
}

# refuses TEXT WORD...: nbdkit does not start with these words, and says why in one sentence that
# contains the text.
refuses() {
    local text=$1 status=0
    shift
    timeout "$patience" nbdkit --foreground --exit-with-parent --unix "$work/refused.sock" "$@" \
        --run true 2> "$work/refused.log" || status=$?
    if [[ $status -ne 1 ]]; then
        fail "nbdkit $*: status $status"
    fi
    if [[ $(grep -c '^nbdkit: error: ' "$work/refused.log") -ne 1 ]]; then
        fail "nbdkit $* did not say why in one sentence"
    fi
    grep -qF -- "$text" "$work/refused.log" || fail "nbdkit $* did not say \"$text\""
}

# not_corrupt FILE: leaked clusters are all that qemu-img may find.
not_corrupt() {
    local status=0
    qemu-img check "$1" > "$work/check.log" 2>&1 || status=$?
    [[ $status -eq 0 || $status -eq 3 ]] || fail "qemu-img check $1: status $status"
}

# clean FILE: qemu-img finds nothing at all.
clean() {
    qemu-img check "$1" > "$work/check.log" 2>&1 || fail "qemu-img check $1: status $?"
}

# identity FILE: changes when a byte of the file does, or when it was written with the same bytes.
identity() {
    sha256sum "$1"
    stat -c 'modified %y, %s bytes' "$1"
}
