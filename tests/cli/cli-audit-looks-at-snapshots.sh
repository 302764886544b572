#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# qcow-img audit looks at the disks of all snapshots, as far as there is time, and says where there was none.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# judged STATUS FINDINGS FILE: the exit status, and the names of the findings.
judged() {
    local status=0 found
    qcow-img audit "$3" >out 2>err || status=$?
    found=$(sed -nE 's/^  (danger|caution|failed): ([^:]*): .*/\2/p' out | sort -u | paste -sd' ')
    [ "$status" = "$1" ] && [ "$found" = "$2" ] && return
    cat out err
    fail "$3: status $status, found '$found', expected $1 and '$2'"
}

# hidden FILE SECTOR [OFFSET]: what a guest wrote once, and wrote over; a snapshot before, between, after.
hidden() {
    qcow-img create -q -f qcow2 "$1" 64M
    qcow-img snapshot -c early "$1"
    qcow-io -c "write -q -s $2 ${3-0} 512" "$1"
    qcow-img snapshot -c bad "$1"
    qcow-io -c "write -q -z ${3-0} 512" "$1"
    qcow-img snapshot -c late "$1"
}

qcow-img create -q -f qcow2 -u -b /etc/passwd -F raw evil.qcow2 1M
head -c 512 evil.qcow2 >sector
hidden inside.qcow2 sector
judged 2 image-inside inside.qcow2
grep -q 'the disk of snapshot 2 of 3 itself looks like a qcow2 image' out || fail "$(cat out)"
qcow-img snapshot -a late inside.qcow2
judged 2 image-inside inside.qcow2
qcow-img snapshot -a bad inside.qcow2
judged 2 image-inside inside.qcow2
grep -q 'image-inside: the disk itself' out || fail "$(cat out)"
qcow-img snapshot -a early inside.qcow2
qcow-img snapshot -d bad inside.qcow2
judged 0 '' inside.qcow2

# At the end of a disk, too.
printf 'koly%0508d' 0 >sector
hidden end.qcow2 sector $((64 * 1024 * 1024 - 512))
judged 2 image-inside end.qcow2
grep -q 'a DMG image' out || fail "$(cat out)"

# Ids and names that lead elsewhere, or nowhere: snapshot 2 has those of snapshot 1.
printf 'KDMV%0508d' 0 >sector
hidden twice.qcow2 sector
at=$(LC_ALL=C grep -aboF '2bad' twice.qcow2 | head -n 1 | cut -d: -f1)
printf '1' | dd of=twice.qcow2 bs=1 seek="$at" conv=notrunc status=none
judged 2 image-inside twice.qcow2
printf '\0' | dd of=twice.qcow2 bs=1 seek="$at" conv=notrunc status=none
qcow-img audit twice.qcow2 | grep -q 'image-inside: the disk of snapshot 2 of 3' || fail "an id that is no text hides a disk"

# A bomb.
qcow-img create -q -f qcow2 bomb.qcow2 1G
qcow-io -c 'write -q -c -P 1 0 256M' bomb.qcow2
qcow-img snapshot -c bomb bomb.qcow2
qcow-io -c 'write -q -z -u 0 256M' bomb.qcow2
judged 2 compressed-bomb bomb.qcow2
grep -q 'of the disk of snapshot 1 of 1 are compressed' out || fail "$(cat out)"

# A disk that is larger than the active one.
qcow-img create -q -f qcow2 grown.qcow2 64M
qcow-io -c "write -q -s sector $((64 * 1024 * 1024 - 512)) 512" grown.qcow2
qcow-img snapshot -c all grown.qcow2
qcow-img resize -q --shrink grown.qcow2 1M
judged 0 '' grown.qcow2
printf 'conectix%0504d' 0 >sector
qcow-img resize -q grown.qcow2 64M
qcow-io -c "write -q -s sector $((64 * 1024 * 1024 - 512)) 512" grown.qcow2
qcow-img snapshot -c all grown.qcow2
qcow-img resize -q --shrink grown.qcow2 1M
judged 2 image-inside grown.qcow2
grep -q 'snapshot 2 of 2 itself looks like a VHD image' out || fail "$(cat out)"

# Thousands of snapshots, each of which has much to be looked at, in less than a MiB; the last one is bad.
cat >many.py <<'PYTHON'
import struct, sys
name, count, tables = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
C, RECORD = 512, 64
def up(n): return -(-n // C) * C
entries = 2 * tables                      # of the L1 table, which names each table twice
snapshots = 1024
l1 = up(snapshots + count * RECORD)
bad_l1 = up(l1 + entries * 8)
l2 = bad_l1 + C
bad_l2 = l2 + tables * C
data = bad_l2 + C
bad = data + 2 * C
refcounts = bad + C
size = entries * 64 * C
image = bytearray(refcounts + C)
def put(at, text): image[at:at + len(text)] = text
put(0, struct.pack('>4sIQIIQIIQQIIQQQQII', b'QFI\xfb', 3, 0, 0, 9, size, 0, entries, l1, refcounts, 1, count,
                   snapshots, 0, 0, 0, 4, 104))
for i in range(count):
    where, n = (bad_l1, 1) if i == count - 1 else (l1, entries)
    put(snapshots + i * RECORD, struct.pack('>QIHHIIQIIQQ', where, n, 1, 0, 0, 0, 0, 0, 16, 0, n * 64 * C) + b'1')
for i in range(entries):
    put(l1 + 8 * i, struct.pack('>Q', l2 + i % tables * C))
put(bad_l1, struct.pack('>Q', bad_l2))
for i in range(tables * 64):
    put(l2 + 8 * i, struct.pack('>Q', data + i % 2 * C))
put(bad_l2, struct.pack('>Q', bad))
put(bad, b'QFI\xfb\0\0\0\3')
open(name, 'wb').write(image)
PYTHON
if command -v python3 >/dev/null; then
    for shape in '3 10' '9000 500'; do
        # shellcheck disable=SC2086
        python3 many.py many.qcow2 $shape
        status=0
        # the sandbox stops what takes more than 11 seconds of processor time
        qcow-img audit many.qcow2 >out 2>&1 || status=$?
        [ $status = 2 ] || fail "$shape: status $status, $(tail -c 300 out)"
        grep -qE 'image-inside: the disk of snapshot|unseen-snapshots: the disks of [0-9]+ of' out ||
            fail "$shape: neither found nor said: $(cat out)"
        ! grep -q stopped out || fail "$shape: $(cat out)"
    done
fi
