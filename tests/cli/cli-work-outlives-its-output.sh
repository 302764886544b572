#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Standard output may be closed, full or a pipe that nobody reads any more: work is done all the same and ends
# with 0, its progress gets into no image, and who was called for a report has failed.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
mkfifo pipe
exec 3<>pipe 4>pipe 3>&- # nobody reads what is written to 4

fail() { echo "FAIL: $*"; exit 1; }

# into WHERE COMMAND...: sets status, the words on standard error are in err.
into() {
    local where=$1
    shift
    status=0
    case $where in
        pipe) env --default-signal=PIPE "$@" >&4 2>err || status=$? ;;
        full) "$@" >/dev/full 2>err || status=$? ;;
        closed) "$@" >&- 2>err || status=$? ;;
        silent) "$@" >&- 2>&- || status=$? ;;
    esac
}

works() {
    into "$@"
    [ $status -eq 0 ] || fail "$*: status $status, $(cat err)"
}

# reports STATUS WHERE COMMAND...
reports() {
    local wanted=$1
    shift
    into "$@"
    [ $status -eq "$wanted" ] || fail "$*: status $status, not $wanted"
    [ "$1" = pipe ] || [ "$(cat err)" = "${2%%-*}-${2#*-}: could not write to standard output" ] ||
        fail "$*: $(cat err)"
}

head -c 4M /dev/urandom >disk.raw
for where in pipe full closed silent; do
    rm -f ./*.qcow2 base.raw
    works $where qcow-img create -f qcow2 new.qcow2 4M
    works $where qcow-img resize new.qcow2 5M
    works $where qcow-io -c 'write -P 7 4M 1M' new.qcow2
    qemu-io -r -c 'read -P 7 4M 1M' new.qcow2 >out || fail "$where: $(cat out)"
    ! grep failed out || fail "$where: not what was written"
    works $where qcow-img compare -p disk.raw disk.raw
    works $where qcow-img convert -p -f raw -O qcow2 disk.raw whole.qcow2
    works $where qcow-img convert --untrusted -p -f raw -O qcow2 disk.raw trusted.qcow2
    cmp whole.qcow2 trusted.qcow2
    works $where qcow-img amend -p -o compat=0.10 whole.qcow2
    qcow-img compare -q disk.raw whole.qcow2 || fail "$where: not what was converted"

    # images that are written while progress is told, the first thing that is opened among them
    cp disk.raw base.raw
    qcow-img create -q -f qcow2 -b base.raw -F raw top.qcow2
    qcow-io -c 'write -P 9 1M 2M' top.qcow2 >/dev/null
    cp top.qcow2 other.qcow2
    works $where qcow-img commit -p top.qcow2
    { head -c 1M disk.raw; head -c 2M /dev/zero | tr '\0' '\11'; tail -c 1M disk.raw; } | cmp - base.raw ||
        fail "$where: the base is not as committed"
    works $where qcow-img rebase -p -f qcow2 -b '' other.qcow2
    qemu-img check -q other.qcow2 || fail "$where: rebase has left a damaged image"
    qcow-img compare -q other.qcow2 base.raw || fail "$where: not what was there"
    rm base.raw
done

qcow-img create -q -f qcow2 disk.qcow2 1M
qcow-img snapshot -c one disk.qcow2
for where in full closed; do
    reports 1 $where qcow-img info disk.qcow2
    reports 1 $where qcow-img info --untrusted disk.qcow2
    reports 1 $where qcow-img map disk.qcow2
    reports 1 $where qcow-img check disk.qcow2
    reports 1 $where qcow-img measure -O qcow2 disk.qcow2
    reports 1 $where qcow-img snapshot -l disk.qcow2
    reports 1 $where qcow-img audit disk.qcow2
    reports 1 $where qcow-img bench -c 1 disk.qcow2
    reports 1 $where qcow-img create --output=json -f qcow2 new.qcow2 1M
    reports 2 $where qcow-img compare --output=json disk.qcow2 disk.qcow2
    reports 1 $where qcow-img create -o help
    reports 1 $where qcow-img create --help
    reports 1 $where qcow-img --version
    reports 1 $where qcow-io -c map disk.qcow2
    reports 1 $where qcow-io -c 'write 0 64k' -c 'read -v 0 512' -c 'read 0 512' disk.qcow2
    reports 1 $where qcow-io --help
done
[ "$(qcow-io -c 'write 0 64k' -c length -c 'read -v 0 512' disk.qcow2 | wc -l)" -gt 34 ] || fail "too little is said"

# a report ends with its reader, in silence; a repair does not
reports $((128 + $(kill -l PIPE))) pipe qcow-img info disk.qcow2
[ ! -s err ] || fail "$(cat err)"
reports 1 pipe qcow-img check -r all disk.qcow2
