#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An amendment of which one part is refused changes no byte, whatever else is asked for with it: key
# slots, too, are as they were.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
secrets=(--object secret,id=s,data=pw --object secret,id=n,data=new)
slot=encrypt.state=active,encrypt.new-secret=n,encrypt.iter-time=10

create() { # NAME SIZE OPTIONS MORE...
    qcow-img create -q -f qcow2 "${secrets[@]}" -o "$3" "${@:4}" "$1" "$2"
}

# refused IMAGE OPTIONS: as a part that cannot be, and with each other part of the list.
failed=0
refused() {
    local image=$1 part=$2 other options
    local source="driver=qcow2,file.filename=w.qcow2"
    shift 2
    case $image in luks*) source+=,encrypt.key-secret=s ;; esac
    for other in "" "$@"; do
        options=$part${other:+,$other}
        cp "$image" w.qcow2
        if qcow-img amend "${secrets[@]}" --image-opts "$source" -o "$options" 2>said; then
            echo "$image: $options was not refused"
            failed=1
        elif ! cmp -s "$image" w.qcow2; then
            echo "$image: $options was refused, and changed the image: $(cat said)"
            failed=1
        fi
    done
}

create luks.qcow2 1M encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10,cluster_size=512
create new.qcow2 1M cluster_size=512
create old.qcow2 1M cluster_size=512,compat=0.10
head -c 2M /dev/zero >base
create covered.qcow2 1M compat=0.10 -b base -F raw
create snapshots.qcow2 1M compat=0.10
qcow-io -c 'write 0 64k' snapshots.qcow2 >/dev/null
qcow-img snapshot -c one snapshots.qcow2
cp snapshots.qcow2 five.qcow2
qcow-img amend -o compat=1.1,refcount_bits=64 five.qcow2
for name in two three four five; do qcow-img snapshot -c $name five.qcow2; done
create narrow.qcow2 1M cluster_size=512,compat=0.10 -u \
    -b "$(printf 'n%.0s' $(seq 400))" -F raw
create zstd.qcow2 1M compression_type=zstd
qcow-io -c 'write -c -P 5 0 64k' zstd.qcow2 >/dev/null
create lost.qcow2 1M compat=1.1
qcow-img snapshot -c one lost.qcow2
# the L1 table of the snapshot is beyond the end of the file
table=$((16#$(od -An -tx1 -j64 -N8 lost.qcow2 | tr -d ' \n')))
printf '\0\0\0\0\1\0\0\0' | dd of=lost.qcow2 bs=1 seek=$table conv=notrunc status=none
create mapped.qcow2 1M cluster_size=512
qcow-img bitmap --add -g 512 mapped.qcow2 fine

# One bit for each cluster of 129 GiB: as many counts of 16 bits would take more than 8 MiB of table.  The
# last cluster is in use by nobody.
create far.qcow2 1M cluster_size=512,refcount_bits=1
python3 - <<'END'
import struct
last, table, block = (129 << 30) // 512 - 1, 2048, 4000
blocks = last // 4096 + 1
with open("far.qcow2", "r+b") as f:
    def at(offset, bytes):
        f.seek(offset)
        f.write(bytes)
    f.seek(48)
    old = struct.unpack(">Q", f.read(8))[0]
    f.seek(old)
    first = struct.unpack(">Q", f.read(8))[0]
    f.seek(first)
    counts = bytearray(f.read(512))
    clusters = -(-blocks * 8 // 512)
    counts[old // 512 // 8] &= ~(1 << old // 512 % 8)
    for cluster in [*range(table, table + clusters), block]:
        counts[cluster // 8] |= 1 << cluster % 8
    at(first, counts)
    at(table * 512, struct.pack(">Q", first))
    at((table + clusters) * 512 - 8, bytes(8))
    at(table * 512 + (blocks - 1) * 8, struct.pack(">Q", block * 512))
    at(block * 512, bytes(511) + b"\x80")
    at(48, struct.pack(">QI", table * 512, clusters))
    f.truncate((last + 1) * 512)
END

grown=size=2M
refused luks.qcow2 size=1E "$slot" refcount_bits=64 lazy_refcounts=on "$slot,refcount_bits=64"
refused luks.qcow2 "$slot,encrypt.old-secret=n" refcount_bits=64 $grown lazy_refcounts=on
refused luks.qcow2 compat=0.10,refcount_bits=64 "$slot" $grown "$slot,$grown"
refused luks.qcow2 data_file=x "$slot" $grown refcount_bits=64
refused luks.qcow2 data_file_raw=on "$slot" $grown refcount_bits=64
refused luks.qcow2 backing_file=x "$slot" $grown refcount_bits=64
refused new.qcow2 size=1E refcount_bits=64 lazy_refcounts=on compat=0.10 refcount_bits=1
refused new.qcow2 compat=0.10,lazy_refcounts=on $grown size=512k
refused old.qcow2 refcount_bits=64 $grown size=512k
refused old.qcow2 size=1E compat=1.1 compat=1.1,lazy_refcounts=on compat=1.1,refcount_bits=64
refused covered.qcow2 $grown compat=0.10
refused snapshots.qcow2 $grown compat=0.10
refused snapshots.qcow2 refcount_bits=1,compat=1.1 $grown lazy_refcounts=on
refused five.qcow2 refcount_bits=2 $grown size=512k lazy_refcounts=on
refused five.qcow2 size=1E refcount_bits=32 lazy_refcounts=on
refused zstd.qcow2 compat=0.10 $grown size=512k refcount_bits=16
refused mapped.qcow2 size=4T lazy_refcounts=on refcount_bits=64 compat=0.10
refused narrow.qcow2 compat=1.1 refcount_bits=64 lazy_refcounts=on
refused lost.qcow2 compat=0.10 $grown lazy_refcounts=on

# What is behind the first 4 MiB is a hole, which takes long to compare.
for options in refcount_bits=16 compat=0.10,refcount_bits=16 compat=0.10,refcount_bits=16,$grown \
    refcount_bits=64,$grown lazy_refcounts=on,refcount_bits=32; do
    cp --sparse=always far.qcow2 w.qcow2
    if qcow-img amend -f qcow2 -o "$options" w.qcow2 2>said || ! grep -q 'would pass 8388608 bytes' said; then
        echo "far.qcow2: $options was not refused as it should be: $(cat said)"
        failed=1
    elif ! cmp -s -n 4M far.qcow2 w.qcow2 || [ "$(stat -c %s w.qcow2)" != "$(stat -c %s far.qcow2)" ]; then
        echo "far.qcow2: $options was refused, and changed the image"
        failed=1
    fi
done
exit $failed
