#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# discard-no-unref=on: what the guest discards stays where it is in the image, reads as zeroes, is written
# to again at the same place, and its space is given back to the host all the same.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img

offset() { qcow-img map --output=json disk | sed -n 's/.*"start": 1048576,.*"offset": \([0-9]*\).*/\1/p'; }
use() { # OPTIONS COMMAND...
    local opts=driver=qcow2,file.filename=disk,$1
    shift
    qcow-io --image-opts "$opts" "$@" >out 2>&1 || { cat out; fail "$*"; }
    ! grep -q failed out || { cat out; fail "$*"; }
}

for extended in off on; do
    rm -f disk
    qemu-img create -q -f qcow2 -o extended_l2=$extended disk 16M
    use discard=unmap -c 'write -P 1 0 8M'
    used=$(du -k disk | cut -f1)
    use discard=unmap,discard-no-unref=on -c 'discard 1M 4M' -c 'read -P 0 1M 4M' -c 'read -P 1 0 1M' \
        -c 'read -P 1 5M 3M'
    [ "$(offset)" = $((1048576 + $(qcow-img map --output=json disk |
        sed -n 's/.*"start": 0,.*"offset": \([0-9]*\).*/\1/p'))) ] || fail "its place was given up"
    [ $((used - $(du -k disk | cut -f1))) -gt 4000 ] || fail "the host did not get its space back"
    qemu-img check -q disk
    length=$(stat -c %s disk)
    use discard=unmap,discard-no-unref=on -c 'write -z -u 6M 1M' -c 'write -P 2 1M 4M' -c 'read -P 2 1M 4M'
    [ "$(stat -c %s disk)" = "$length" ] || fail "writing again made the file longer"
    qemu-img check -q disk
    qemu-io -f qcow2 -c 'read -P 2 1M 4M' -c 'read -P 0 6M 1M' -c 'read -P 1 7M 1M' disk >out
    ! grep -q failed out || fail "QEMU reads something else"

    # What a snapshot shares is let go of, and the snapshot keeps it.
    qcow-img snapshot -c one disk
    use discard=unmap,discard-no-unref=on -c 'discard 0 8M' -c 'read -P 0 0 8M'
    qemu-img check -q disk
    qemu-img convert -l one -O raw disk one
    qemu-io -f raw -c 'read -P 1 0 1M' -c 'read -P 2 1M 4M' -c 'read -P 0 6M 1M' one >out
    ! grep -q failed out || fail "the snapshot has changed"
done

# Without it a discard frees.
use discard=unmap -c 'discard 0 16M'
[ -z "$(offset)" ] || fail "a discard keeps its place without discard-no-unref"

qemu-img create -q -f qcow2 -o compat=v2 disk 1M
! qcow-io --image-opts driver=qcow2,file.filename=disk,discard-no-unref=on -c 'length' 2>err ||
    fail "accepted for version 2"
grep -q 'discard-no-unref is only supported since qcow2 version 3' err
