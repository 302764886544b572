#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# qcow-img audit finds what makes an image dangerous, says it harmlessly, and exits accordingly.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# judged STATUS FINDINGS FILE...: the exit status, and the names of the findings with their levels.
judged() {
    local status=0 expected=$1 findings=$2 found
    shift 2
    qcow-img audit "$@" >out 2>err || status=$?
    found=$(sed -nE 's/^  (danger|caution|failed): ([^:]*): .*/\1:\2/p' out | sort -u | paste -sd' ')
    [ "$status" -eq "$expected" ] && [ "$found" = "$findings" ] && return
    cat out err
    fail "$*: status $status, found '$found', expected $expected and '$findings'"
}

qcow-img create -q -f qcow2 plain.qcow2 1G
judged 0 '' plain.qcow2
grep -qx 'plain.qcow2: safe' out || fail "$(cat out)"
[ ! -s err ] || fail "$(cat err)"

# Names of other files; none of them is there, and none is asked for.
for name in /etc/passwd:absolute-name ../up:upward-name a/../../up:upward-name \
    nbd://host/x:protocol-name 'json:{"driver":"file"}:protocol-name'; do
    qcow-img create -q -f qcow2 -u -b "${name%:*}" -F raw named.qcow2 1M
    judged 2 "$(printf 'danger:%s\n' backing-file "${name##*:}" | sort | paste -sd' ')" named.qcow2
done
qcow-img create -q -f qcow2 -u -b beside.qcow2 -F qcow2 named.qcow2 1M
judged 2 'danger:backing-file' named.qcow2
qcow-img create -q -f qcow2 -o data_file=data.raw data.qcow2 1M
judged 2 'danger:data-file' data.qcow2

# A sector that cannot be read may be anything; one of the backing file is that file's.
if command -v python3 >/dev/null; then
    qcow-img create -q -f qcow2 torn.qcow2 64k
    qcow-io -c 'write -q -c -P 1 0 64k' torn.qcow2
    python3 - torn.qcow2 <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as image:
    def number(offset):
        image.seek(offset)
        return struct.unpack(">Q", image.read(8))[0]
    table = number(number(40)) & 0x00fffffffffffe00
    image.seek(number(table) & ((1 << 54) - 1))
    image.write(b"\377" * 16)
END
    judged 2 'danger:damaged' torn.qcow2
fi
qcow-img create -q -f qcow2 -u -b beside.qcow2 -F qcow2 above.qcow2 64k
judged 2 'danger:backing-file' above.qcow2

# Names with characters for the terminal.
evil=$(printf 'a\033[2Jb\302\233c\377d')
qcow-img snapshot -c "$evil" plain.qcow2
judged 3 'caution:unprintable-name' plain.qcow2
qcow-img create -q -f qcow2 -u -b "$evil" -F raw named.qcow2 1M
cp named.qcow2 "$evil"
for format in human json; do
    qcow-img audit --output=$format plain.qcow2 named.qcow2 "$evil" "$evil-not" >out 2>&1 || true
    ! LC_ALL=C grep -q '[^[:print:][:space:]]' out || fail "printed raw: $(LC_ALL=C cat -v out)"
    [ "$(grep -c 'unprintable-name' out)" -eq 3 ] || fail "$(cat out)"
done
rm -f "$evil"

# A writer that postpones its counts, and is killed; the same without the mark is damage.
if command -v qemu-io >/dev/null; then
    qcow-img create -q -f qcow2 -o lazy_refcounts=on lazy.qcow2 4M
    qemu-io -c 'write -P 1 0 1M' -c 'write -P 2 2M 64k' -c flush -c 'sigraise 9' lazy.qcow2 >/dev/null 2>&1 || true
    cp lazy.qcow2 unmarked.qcow2
    printf '\0' | dd of=unmarked.qcow2 bs=1 seek=79 conv=notrunc status=none
    judged 3 'caution:dirty caution:repair-needed' lazy.qcow2
    judged 2 'danger:damage danger:damaged' unmarked.qcow2
    # a table that the disk shares is no such thing
    printf '\200\0\0\0\0\3\0\0' | dd of=lazy.qcow2 bs=1 seek=$((0x40000)) conv=notrunc status=none
    judged 2 'caution:dirty danger:damage danger:damaged' lazy.qcow2
    rm -f lazy.qcow2 unmarked.qcow2
fi

# A file that ends early.
qcow-io -c 'write 0 8M' plain.qcow2 >/dev/null
truncate -s 3M plain.qcow2
judged 2 'caution:unprintable-name danger:cut-off danger:damage danger:damaged' plain.qcow2
grep -q 'cut-off: it is cut off.* the file ends at 0x300000, .* from 0x300000 to 0x' out || fail "$(cat out)"

# A large disk, a raw disk.
qcow-img create -q -f qcow2 large.qcow2 17T
judged 3 'caution:large-disk' large.qcow2
head -c 1M /dev/zero >zeroes.raw
judged 3 'caution:raw' zeroes.raw

# Bytes over an image: patched FILE OFFSET BYTES...
patched() {
    local file=$1
    shift
    while [ $# -gt 0 ]; do
        printf "$2" | dd of="$file" bs=1 seek=$(($1)) conv=notrunc status=none
        shift 2
    done
}

# A bad id with a good name; and what comes after a bad name in a list counts.
offset_of() { # FILE TEXT
    LC_ALL=C grep -aboF -- "$2" "$1" | head -n 1 | cut -d: -f1
}
qcow-img create -q -f qcow2 id.qcow2 1M
qcow-img snapshot -c first id.qcow2
patched id.qcow2 "$(offset_of id.qcow2 1first)" '\033'
judged 3 'caution:unprintable-name' id.qcow2
qcow-img create -q -f qcow2 later.qcow2 1M
qcow-img snapshot -c "$evil" later.qcow2
qcow-img snapshot -c second later.qcow2
id=$(offset_of later.qcow2 2second)
patched later.qcow2 $((id - 24 + 6)) '\1' # 64 KiB of a machine's state, in the extra data
judged 3 'caution:unprintable-name caution:vm-state' later.qcow2
qcow-img create -q -f qcow2 bits.qcow2 1M
qcow-img bitmap --add bits.qcow2 "$evil"
qcow-img bitmap --add bits.qcow2 second
patched bits.qcow2 $(($(offset_of bits.qcow2 second) - 24 + 15)) '\1' # in use
judged 3 'caution:bitmap-in-use caution:unprintable-name' bits.qcow2

# One cluster for eight places, its count told right: the check finds nothing wrong.
qcow-img create -q -f qcow2 shared.qcow2 1M
qcow-io -c 'write -P 1 0 64k' shared.qcow2 >/dev/null
for i in 0 1 2 3 4 5 6 7; do patched shared.qcow2 $((0x40000 + 8 * i)) '\0\0\0\0\0\5\0\0'; done
patched shared.qcow2 0x2000a '\0\10'
judged 2 'danger:shared-clusters' shared.qcow2

qcow-img create -q -f qcow2 bomb.qcow2 1G
qcow-io -c 'write -c -P 1 0 256M' bomb.qcow2 >/dev/null
judged 2 'danger:compressed-bomb' bomb.qcow2

# A disk that looks like an image.
head -c 512 plain.qcow2 >sector
qcow-img convert -f raw -O qcow2 sector inside.qcow2
judged 2 'danger:image-inside' inside.qcow2

# VMDK images in words, which name files of the host, whatever stands before the version.
for words in '# x\nversion=1\n' '#\n \r\n#\nversion=3\r\n' 'version=2\n' '# Disk DescriptorFile\n'; do
    printf "$words%0512d" 0 >sector
    qcow-img convert -f raw -O qcow2 sector inside.qcow2
    judged 2 'danger:image-inside' inside.qcow2
    grep -q 'like a VMDK image' out || fail "$(cat out)"
    case $words in *version*) judged 1 'failed:format' sector ;; esac
done

# Files that are none, are missing, are not ours to judge.
mkfifo fifo
ln -s plain.qcow2 link
judged 1 'failed:refused' fifo
judged 1 'failed:refused' link
judged 1 'failed:unreadable' missing
judged 1 'failed:refused' .
printf 'KDMV%0508d' 0 >other.vmdk
judged 1 'failed:format' other.vmdk
head -c 70 plain.qcow2 >short.qcow2
judged 2 'danger:malformed' short.qcow2

# The worst counts; quiet says nothing; several are an array.
judged 2 'caution:large-disk danger:compressed-bomb failed:unreadable' large.qcow2 bomb.qcow2 missing
judged 1 'caution:large-disk failed:unreadable' large.qcow2 missing
qcow-img audit -q large.qcow2 >out || [ $? -eq 3 ] || fail "quiet has another status"
[ ! -s out ] || fail "quiet is not"
if command -v python3 >/dev/null; then
    qcow-img audit --output=json large.qcow2 bomb.qcow2 missing 2>/dev/null >out || true
    python3 - out <<'PYTHON'
import json, sys
reports = json.load(open(sys.argv[1]))
assert [r["verdict"] for r in reports] == ["caution", "danger", "failed"], reports
assert reports[0]["virtual-size"] == 17 << 40
assert reports[1]["findings"][0]["name"] == "compressed-bomb"
assert reports[1]["mapped-bytes"] == 256 << 20
PYTHON
    qcow-img audit --output=json large.qcow2 >out || true
    python3 -c 'import json; assert json.load(open("out"))["verdict"] == "caution"'
fi
