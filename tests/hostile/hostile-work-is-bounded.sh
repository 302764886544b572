#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A small image does not make much work, whatever it says: tables that are named over and over, or that lie
# in holes, in a file that these make long, and, with --untrusted, passwords that take long to try.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
seconds=10
[ -z "${ASAN_OPTIONS-}" ] || seconds=300 # a sanitizer looks at every access

# word FILE OFFSET BYTES: a number of the image's, in hexadecimal.
word() {
    od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'
}

# put FILE OFFSET: standard input.
put() {
    dd of="$1" bs=512 seek="$2" oflag=seek_bytes conv=notrunc status=none
}

# 32768 L1 entries name one L2 table, whose entries name one cluster: 16 TiB in 400 KiB.  The file is so
# long that there would be room for as many tables.
qcow-img create -q -f qcow2 shared.qcow2 16T
qcow-io -c 'write -q -P 7 0 64k' shared.qcow2
l1=$((16#$(word shared.qcow2 40 8)))
l2=$((16#$(word shared.qcow2 $l1 8) & ~(1 << 63)))
# eight bytes become as many as an L1 table, or an L2 table, has
repeated() {
    dd if=shared.qcow2 bs=8 count=1 skip="$1" iflag=skip_bytes status=none >entries
    while [ "$(stat -c %s entries)" -lt "$2" ]; do
        cat entries entries >more
        mv more entries
    done
    cat entries
}
repeated "$l1" $((32768 * 8)) | put shared.qcow2 "$l1"
repeated "$l2" 65536 | put shared.qcow2 "$l2"
truncate -s 4G shared.qcow2
for verb in map measure\ -Oraw measure\ -Oqcow2 compare\ shared.qcow2 convert\ -Oqcow2 bench\ -c1; do
    # shellcheck disable=SC2086
    for how in '' --untrusted; do
        target=$([[ $verb == convert* ]] && echo target || true)
        if timeout $seconds qcow-img $verb $how shared.qcow2 $target >out 2>err; then fail "$verb: accepted"; fi
        grep -qF 'different ones, and the file has room for' err || fail "$verb $how: $(tail -c 300 err)"
    done
done
timeout $seconds qcow-img info shared.qcow2 >/dev/null
timeout $seconds qcow-img audit shared.qcow2 >/dev/null && fail "audit found nothing"
timeout $seconds qcow-img check shared.qcow2 >/dev/null 2>&1 && fail "check found nothing"

# places FIRST STEP COUNT FLAGS: table entries that name places at equal distances.
places() {
    # shellcheck disable=SC2059
    printf "$(awk -v at="$1" -v step="$2" -v count="$3" -v flags="$4" 'BEGIN {
        for (; count > 0; count--) {
            printf "\\x%02x\\x00", flags
            for (byte = 5; byte >= 0; byte--)
                printf "\\x%02x", int(at / 256 ^ byte) % 256
            at += step
        }
    }')"
}

# 65536 L2 tables of 2 MiB, each in a hole: a disk of 32 PiB in less than a MiB.
qcow-img create -q -f qcow2 -o cluster_size=2M holes.qcow2 32P
l1=$((16#$(word holes.qcow2 40 8)))
places $((32 << 20)) $((2 << 20)) 65536 128 | put holes.qcow2 "$l1"
truncate -s $((128 << 30 | 32 << 20)) holes.qcow2
timeout $seconds qcow-img audit holes.qcow2 >/dev/null && fail "audit found nothing"
timeout $seconds qcow-img check -r all holes.qcow2 >/dev/null 2>&1 || fail "check -r: $?"
timeout $seconds qcow-img audit holes.qcow2 >out || [ $? = 3 ] || fail "audit: $(tail -c 300 out)"
for verb in map 'map --untrusted' check 'compare --untrusted holes.qcow2' 'snapshot -c one' \
    'snapshot -c two' 'snapshot -a one' 'snapshot -d one' 'snapshot -d two' 'amend -o compat=0.10' \
    'resize --shrink'; do
    size=$([[ $verb != resize* ]] || echo 1G)
    # shellcheck disable=SC2086
    timeout $seconds qcow-img $verb holes.qcow2 $size >out 2>err || fail "$verb: $? $(tail -c 300 err)"
done
qcow-img check -q holes.qcow2

# Version 1: 122880 L2 tables of 64 KiB, which lie in holes, or are one.
for step in 65536 0; do
    printf 'QFI\xfb\x00\x00\x00\x01' >old.qcow
    head -c 16 /dev/zero >>old.qcow
    printf '\x00\x00\x3c\x00\x00\x00\x00\x00\x10\x0d\x00\x00\x00\x00\x00\x00' >>old.qcow
    printf '\x00\x00\x00\x00\x00\x00\x00\x30' >>old.qcow
    places $((1 << 20)) $step 122880 0 >>old.qcow
    truncate -s 8G old.qcow
    timeout $seconds qcow-img audit old.qcow >/dev/null || [ $? -le 3 ] || fail "audit of version 1: $?"
    timeout $seconds qcow-img map --untrusted old.qcow >out 2>err && continue
    [ $step = 0 ] && grep -qF 'but only 1 different ones' err || fail "version 1: $(cat err)"
done

# Two tables that are one are damage, but no more than that.
qcow-img create -q -f qcow2 twice.qcow2 4G
qcow-io -c 'write -q -P 7 0 64k' twice.qcow2
l1=$((16#$(word twice.qcow2 40 8)))
dd if=twice.qcow2 bs=8 count=1 skip="$l1" iflag=skip_bytes status=none | put twice.qcow2 $((l1 + 8))
qcow-io -r -c 'read -q -P 7 512M 64k' twice.qcow2 | grep . && fail "a table that is named twice is not read"

# L1 entries that fall on one slot of a hash table of 2^19 that scatters by a multiplication known to
# everybody: places far beyond the end of the file, which is opened for writing.
qcow-img create -q -f qcow2 colliding.qcow2 125T
l1=$((16#$(word colliding.qcow2 40 8)))
python3 -c '
import struct, sys
K, M, W = 0x9e3779b97f4a7c15, 1 << 51, 1 << 32
up = next(d for d in range(1, M) if d * K % M < W)
down = next(d for d in range(1, M) if -d * K % M < W)
cluster = up
for _ in range(250 << 10):
    sys.stdout.buffer.write(struct.pack(">Q", cluster << 16))
    cluster += next(d for d in sorted((up, down)) + [up + down] if (cluster + d) * K % M < W)
' | put colliding.qcow2 "$l1"
timeout $seconds qcow-io -c length colliding.qcow2 >/dev/null || fail "an image whose tables fall on one slot is not opened in time"

# A key slot that takes 17 million iterations of two rounds each: fewer than are refused altogether.
luks=(--object secret,id=s,data=x)
qcow-img create -q "${luks[@]}" -f luks -o key-secret=s,iter-time=10 disk.luks 1M
printf '\x01\x03\x66\x40' | put disk.luks 212
qcow-img info --untrusted disk.luks >/dev/null
if qcow-img audit disk.luks >out; then fail "an audit finds nothing in a costly password"; fi
grep -qF 'rounds of PBKDF2' out || fail "audit: $(cat out)"
for command in 'qcow-img convert -O raw' 'qcow-img compare'; do
    if timeout $seconds $command "${luks[@]}" --untrusted --image-opts \
        driver=luks,file.filename=disk.luks,key-secret=s target.raw >out 2>err; then
        fail "$command: the password was tried"
    fi
    grep -qF 'rounds of PBKDF2 to try a password (at most 33554432)' err || fail "$command: $(cat err)"
done
if timeout $seconds qcow-io "${luks[@]}" --untrusted --image-opts -c length \
    driver=luks,file.filename=disk.luks,key-secret=s >out 2>&1; then fail "qcow-io tried the password"; fi
grep -qF 'at most 33554432' out || fail "qcow-io: $(cat out)"

# Nor if it is a stranger's in another place: below an image, or below what an image is stored in.
qcow-img create -q -f qcow2 -u -b disk.luks -F luks over.qcow2 1M
for keys in driver=raw,file.driver=luks,file.file.filename=disk.luks,file.key-secret=s \
    driver=raw,file.driver=raw,file.file.driver=luks,file.file.key-secret=s,file.file.file.filename=disk.luks \
    driver=qcow2,file.filename=over.qcow2,backing.driver=luks,backing.file.filename=disk.luks,backing.key-secret=s; do
    if timeout $seconds qcow-io "${luks[@]}" --untrusted --image-opts -c length $keys >out 2>&1; then
        fail "$keys: the password was tried"
    fi
    grep -qF 'at most 33554432' out || fail "$keys: $(cat out)"
done
