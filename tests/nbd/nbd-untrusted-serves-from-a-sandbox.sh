#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With untrusted=true the image is served from a sandbox, which is on; other kinds of files and other
# files are refused; wait= waits for a lock.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need qemu-img qemu-io nbdcopy
# The leak check looks in from another process.
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"

cd "$work"
qemu-img create -q -f qcow2 disk.qcow2 16M
qemu-img create -q -f qcow2 -b disk.qcow2 -F qcow2 top.qcow2
ln -s disk.qcow2 link

serve plain qcow2 "$work/disk.qcow2" untrusted=true
grep -qx 'NoNewPrivs:[[:space:]]*1' "/proc/$server/status" || fail "nbdkit may gain rights"
if ! grep -q 'without libseccomp' "$work/plain.log"; then
    grep -qx 'Seccomp:[[:space:]]*2' "/proc/$server/status" || fail "nbdkit is not restricted"
fi
qemu-io -f raw -c 'write -P 7 1M 3M' -c 'write -z 2M 64k' -c 'discard 3M 64k' -c flush \
    -c 'read -P 7 1M 1M' "$uri" >io.out || fail "$(cat io.out)"
if grep -iE 'fail|error' io.out; then fail "see above"; fi
nbdcopy --connections=4 --threads=4 "$uri" copy.raw
nbdcopy --connections=4 --threads=4 copy.raw "$uri"
stop_server
qemu-img check -q disk.qcow2
qemu-img compare -q disk.qcow2 copy.raw

# As nbdkit's -r, and as readonly=true: not a byte changes.
sum=$(sha256sum <disk.qcow2)
serve option -r qcow2 "$work/disk.qcow2" untrusted=true
qemu-io -r -f raw -c 'read -P 7 1M 1M' "$uri" >/dev/null
stop_server
serve parameter qcow2 "$work/disk.qcow2" untrusted=true readonly=true
qemu-io -r -f raw -c 'read -P 7 1M 1M' "$uri" >/dev/null
stop_server
[[ $(sha256sum <disk.qcow2) == "$sum" ]] || fail "reading has changed the image"

# refused WORDS PARAMETER...: nbdkit does not serve, and says so.
refused() {
    local words=$1
    shift
    if timeout 20 nbdkit -f -U "$work/refused.sock" qcow2 "$@" 2>refused.err --run true; then
        fail "$*: served"
    fi
    grep -qF -- "$words" refused.err || fail "$*: $(cat refused.err)"
}
refused 'is a symbolic link' "$work/link" untrusted=true
refused 'is not a regular file' /dev/zero format=raw untrusted=true
refused 'allows no backing=allow' "$work/top.qcow2" untrusted=true backing=allow
refused 'No such file' "$work/missing" untrusted=true

# A lock: without wait= nbdkit gives up at once.
sleep 4 | qemu-io disk.qcow2 >/dev/null &
for _ in $(seq 200); do
    ! grep -qs ":$(stat -c %i disk.qcow2) 201 201" /proc/locks || break
    sleep 0.02
done
refused 'Is another process using the image' "$work/disk.qcow2"
grep -q 'Pass wait=SECONDS' refused.err || fail "$(cat refused.err)"
serve waiting qcow2 "$work/disk.qcow2" wait=20 untrusted=true
qemu-io -f raw -c 'read -P 7 1M 1M' "$uri" >/dev/null
stop_server
