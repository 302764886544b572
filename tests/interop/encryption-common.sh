# SPDX-License-Identifier: BSD-3-Clause
# encryption-common.sh - what the tests of encryption share, besides convert-common.sh
#
# "$secret" hands the password in the file "password" to any of the four programs.  Iterations are
# few, so that nobody waits.

. "$abs_top_srcdir/tests/interop/convert-common.sh"

printf 'open sesame' > password
printf 'open barley' > wrong
secret=(--object secret,id=pw,file=password)
wrong=(--object secret,id=pw,file=wrong)
quick=iter-time=10

# qemu_makes ARGUMENTS...: qemu-img, which cannot always tell the time that it has spent on
# iterations, and then fails; it is tried again.
qemu_makes() {
    for _ in $(seq 50); do
        qemu-img "$@" > qemu-img.out 2>&1 && return 0
        grep -q 'accurate CPU usage' qemu-img.out || break
    done
    head -c 4000 qemu-img.out >&2
    return 1
}

# keys FORMAT FILE: --image-opts for the file with its password.
keys() {
    case $1 in
        luks) echo "driver=luks,file.filename=$2,key-secret=pw" ;;
        *) echo "driver=$1,file.filename=$2,encrypt.key-secret=pw" ;;
    esac
}

# options FORMAT LUKS-OPTIONS: -o for a new image.
options() {
    case $1 in
        luks) echo "key-secret=pw,$2" ;;
        *) echo "encrypt.format=luks,encrypt.key-secret=pw,$(sed -E 's/(^|,)/\1encrypt./g' <<< "$2")" ;;
    esac
}

# io PROGRAM FORMAT FILE COMMAND...: a read of a wrong pattern fails.
io() {
    local command=()
    for c in "${@:4}"; do
        command+=(-c "$c")
    done
    # shellcheck disable=SC2086 # the program may have an option
    $1 "${secret[@]}" --image-opts "${command[@]}" "$(keys "$2" "$3")" > io.out 2>&1 || {
        head -c 4000 io.out >&2
        fail "$1 on $3: ${*:4}"
    }
    ! grep -q 'verification failed' io.out || fail "$1 read something else from $3: ${*:4}"
}

our_io() {
    io qcow-io "$@"
}

our_reading() {
    io 'qcow-io -r' "$@"
}

qemus_io() {
    io qemu-io "$@"
}

qemu_checks() {
    qemu-img check -q "${secret[@]}" --image-opts "$(keys qcow2 "$1")" > check.out 2>&1 || {
        head -c 4000 check.out >&2
        fail "qemu-img check of $1"
    }
}
