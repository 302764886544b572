#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# make.sh - make the images of this folder: QEMU's, and from them those that are damaged by hand
#
#   ./run bash tests/images/make.sh [NAME...]     writes tests/images/NAME.qcow2.xz, all without NAME
#
# An image that is damaged starts as "plain": clusters of 4 KiB, the header at 0, the refcount table
# at 0x1000, its block at 0x2000, the L1 table at 0x3000, the L2 table at 0x4000, then the data.
# What a new QEMU makes may differ; then the .expect files are to be looked at, too.
set -eu

images=$abs_top_srcdir/tests/images
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
wanted=" $* "

keep() { # FILE...
    local file
    for file; do
        if [[ $wanted == "  " || $wanted == *" ${file%.qcow2} "* ]]; then
            xz -9e --check=crc32 -c "$file" >"$images/$file.xz"
        fi
    done
}

io() { # NAME COMMAND...
    local file=$1.qcow2 arguments=()
    shift
    for command; do arguments+=(-c "$command"); done
    qemu-io -f "${format:-qcow2}" "${arguments[@]}" "$file" >/dev/null
}

create() { # NAME OPTIONS SIZE [COMMAND...]
    local name=$1
    qemu-img create -q -f qcow2 -o "$2" "$name.qcow2" "$3"
    shift 3
    [[ $# = 0 ]] || io "$name" "$@"
}

image() { # NAME OPTIONS SIZE [COMMAND...]
    create "$@"
    keep "$1.qcow2"
}

# Write numbers, big-endian: each as OFFSET BYTES VALUE.
put() { # FILE OFFSET BYTES VALUE...
    local file=$1
    shift
    while [[ $# -gt 0 ]]; do
        printf "%0$(($2 * 2))x" "$3" | xxd -r -p | dd of="$file" bs=1 seek=$(($1)) conv=notrunc status=none
        shift 3
    done
}

text() { # FILE OFFSET TEXT
    printf %s "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

number() { # FILE OFFSET BYTES
    od -An "-tu$3" --endian=big -j $(($2)) -N "$3" "$1" | tr -d ' '
}

damaged() { # NAME OFFSET BYTES VALUE...
    copy plain "$1"
    put "$1.qcow2" "${@:2}"
    keep "$1.qcow2"
}

copy() { cp "$1.qcow2" "$2.qcow2"; }

# ---- versions, clusters, reference counts ----
writes=('write -P 1 0 8k' 'write -P 2 40k 700' 'write -z 4k 4k')
image plain cluster_size=4k 1M 'write -P 1 0 8k' 'write -P 2 64k 4k'
image version2 compat=0.10,cluster_size=4k 64k 'write -P 1 0 8k' 'write -P 2 40k 700' 'discard 4k 4k'
image empty cluster_size=4k 0
for size in 512 1k 2k 64k 2M; do
    image clusters-$size cluster_size=$size 64k "${writes[@]}"
done
for bits in 1 2 4 8 32 64; do
    image refcounts-$bits cluster_size=512,refcount_bits=$bits 64k "${writes[@]}"
done
image zeroes cluster_size=4k 64k 'write -P 1 0 16k' 'write -z 0 4k' 'write -z -u 4k 4k' 'write -z 32k 4k'
image preallocated cluster_size=4k,preallocation=metadata 64k
image lazy-refcounts lazy_refcounts=on,cluster_size=4k 64k 'write -P 1 0 4k'

# ---- backing files ----
qemu-img create -q -f raw base.raw 48k
qemu-io -f raw -c 'write -P 9 0 48k' base.raw >/dev/null
[[ $wanted != "  " ]] || keep base.raw
image overlay cluster_size=4k,backing_file=base.raw,backing_fmt=raw 64k 'write -P 1 4k 4k' 'write -z 8k 4k'
image overlay-of-overlay cluster_size=512,backing_file=overlay.qcow2,backing_fmt=qcow2 64k 'write -P 3 0 512'
create overlay-without-format cluster_size=4k,backing_file=base.raw,backing_fmt=raw 64k
put overlay-without-format.qcow2 112 4 0x12345678 # its extension is an unknown one now
keep overlay-without-format.qcow2
create backing-missing cluster_size=4k 64k 'write -P 1 0 4k'
qemu-img rebase -u -f qcow2 -F raw -b gone.raw backing-missing.qcow2
keep backing-missing.qcow2

# ---- snapshots ----
create snapshots cluster_size=512 64k 'write -P 1 0 1k'
qemu-img snapshot -c one snapshots.qcow2
io snapshots 'write -P 2 512 1k'
qemu-img snapshot -c two snapshots.qcow2
io snapshots 'write -P 3 0 512'
keep snapshots.qcow2
create snapshot-of-another-size cluster_size=512 32k 'write -P 1 0 1k'
qemu-img snapshot -c small snapshot-of-another-size.qcow2
qemu-img resize -q snapshot-of-another-size.qcow2 64k
io snapshot-of-another-size 'write -P 2 0 1k' 'write -P 3 32k 1k'
keep snapshot-of-another-size.qcow2
# What lies in the second half of this disk becomes the VM state of its snapshot.
create snapshot-with-vm-state cluster_size=512 64k 'write -P 1 0 1k' 'write -P 0xee 32k 1k'
qemu-img snapshot -c running snapshot-with-vm-state.qcow2
io snapshot-with-vm-state 'discard 32k 32k' 'write -P 2 0 512'
entry=$(number snapshot-with-vm-state.qcow2 64 8)
put snapshot-with-vm-state.qcow2 24 8 0x8000 $((entry + 24)) 8 5000000000 $((entry + 32)) 4 1024 \
    $((entry + 40)) 8 1024 $((entry + 48)) 8 0x8000
keep snapshot-with-vm-state.qcow2
# Sixteen bytes more of extra data than anyone knows, then id and name.
create snapshot-with-unknown-extra-data cluster_size=512 64k 'write -P 1 0 1k'
qemu-img snapshot -c more snapshot-with-unknown-extra-data.qcow2
io snapshot-with-unknown-extra-data 'write -P 2 0 512'
file=snapshot-with-unknown-extra-data.qcow2
entry=$(number $file 64 8)
put $file $((entry + 36)) 4 40 $((entry + 64)) 8 0x1122334455667788 $((entry + 72)) 8 0x1122334455667788
text $file $((entry + 80)) 1more
truncate -s $(($(number $file 40 8) > entry ? $(stat -c %s $file) : $(stat -c %s $file) / 512 * 512 + 512)) $file
keep $file

# ---- compressed clusters ----
for type in zlib zstd; do
    for size in 512 4k 64k; do
        image compressed-$type-$size cluster_size=$size,compression_type=$type 256k \
            "write -c -P 1 0 $size" "write -c -P 2 64k $size" 'write -P 3 128k 700'
    done
    copy compressed-$type-4k compressed-$type-damaged
    entry=$(number compressed-$type-4k.qcow2 0x4000 8)
    put compressed-$type-damaged.qcow2 $((entry & 0xffffff)) 8 0xffffffffffffffff
    keep compressed-$type-damaged.qcow2
done
copy compressed-zlib-4k compressed-outside-the-file
put compressed-outside-the-file.qcow2 0x4000 8 0x4000000000100000
keep compressed-outside-the-file.qcow2

# ---- extended L2 entries ----
image subclusters extended_l2=on,cluster_size=16k 128k 'write -P 1 0 1k' 'write -z 4k 1k' 'write -P 2 20k 20k' 'write -z 64k 16k'
copy subclusters subclusters-both
put subclusters-both.qcow2 0x10008 8 0x0000000300000003
keep subclusters-both.qcow2
copy subclusters subclusters-nowhere
put subclusters-nowhere.qcow2 0x10000 8 0
keep subclusters-nowhere.qcow2

# ---- external data files ----
for raw in off on; do
    name=data-file
    [[ $raw = off ]] || name=data-file-raw
    create $name cluster_size=4k,data_file=$name.data,data_file_raw=$raw 64k 'write -P 1 0 8k' 'write -P 2 40k 4k'
    keep $name.qcow2
    truncate -s 64k $name.data
    [[ $wanted != "  " ]] || keep $name.data
done
copy data-file data-file-elsewhere
put data-file-elsewhere.qcow2 0x4000 8 0x8000000000002000
keep data-file-elsewhere.qcow2
copy data-file data-file-missing
text data-file-missing.qcow2 120 gone
keep data-file-missing.qcow2

# ---- bitmaps ----
create bitmaps cluster_size=4k 1M 'write -P 1 0 4k'
qemu-img bitmap --add -g 4096 bitmaps.qcow2 kept
qemu-img bitmap --add -g 65536 bitmaps.qcow2 idle
qemu-img bitmap --disable bitmaps.qcow2 idle
io bitmaps 'write -P 2 64k 4k'
keep bitmaps.qcow2
copy bitmaps bitmaps-out-of-date
put bitmaps-out-of-date.qcow2 88 8 0
keep bitmaps-out-of-date.qcow2
copy bitmaps bitmaps-in-use
for at in 112 $((112 + 8 + 384)); do
    [[ $(number bitmaps.qcow2 $at 4) != $((0x23852875)) ]] || directory=$(number bitmaps.qcow2 $((at + 24)) 8)
done
put bitmaps-in-use.qcow2 $((directory + 12)) 4 3
keep bitmaps-in-use.qcow2

# ---- encryption ----
# The key slots are wiped, so that the password is the wrong one, and zeroes are all that is large.
qemu-img create -q -f qcow2 --object secret,id=s,data=x -o cluster_size=64k,encrypt.format=luks \
    -o encrypt.key-secret=s,encrypt.iter-time=10,encrypt.cipher-alg=aes-128 luks-without-keys.qcow2 1M
luks=$(number luks-without-keys.qcow2 120 8)
dd if=/dev/zero of=luks-without-keys.qcow2 bs=4096 seek=$((luks / 4096 + 1)) count=60 conv=notrunc status=none
keep luks-without-keys.qcow2
qemu-img create -q -f qcow2 --object secret,id=s,data=abc -o cluster_size=4k,encrypt.format=aes,encrypt.key-secret=s aes.qcow2 64k
qemu-io --object secret,id=s,data=abc -c 'write -P 1 0 1k' -c 'write -P 2 32k 4k' \
    --image-opts driver=qcow2,encrypt.key-secret=s,file.filename=aes.qcow2 >/dev/null
keep aes.qcow2
cp aes.qcow2 aes-with-password.qcow2
keep aes-with-password.qcow2
qemu-img create -q -f qcow2 --object secret,id=s,data=abc -o cluster_size=4k,encrypt.format=luks \
    -o encrypt.key-secret=s,encrypt.iter-time=10,encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc \
    luks-with-password.qcow2 64k # fails now and then: "Unable to get accurate CPU usage"
qemu-io --object secret,id=s,data=abc -c 'write -P 1 0 1k' -c 'write -P 2 32k 4k' \
    --image-opts driver=qcow2,encrypt.key-secret=s,file.filename=luks-with-password.qcow2 >/dev/null
keep luks-with-password.qcow2

# ---- version 1 ----
qemu-img create -q -f qcow qcow.qcow2 64k
format=qcow io qcow 'write -P 1 0 1k' 'write -P 2 32k 4k'
keep qcow.qcow2
qemu-img convert -c -f raw -O qcow base.raw qcow-compressed.qcow2 2>/dev/null || true # says nothing, ends with 1
keep qcow-compressed.qcow2

# ---- feature bits and header extensions ----
damaged unknown-incompatible 72 8 0x8000000000
damaged unknown-compatible 80 8 0x8000000000
damaged unknown-autoclear 88 8 0x8000000000
damaged unknown-extension 112 4 0x12345678 116 4 5 120 8 0x6162636465000000 128 8 0
copy clusters-64k unknown-incompatible-with-a-name
put unknown-incompatible-with-a-name.qcow2 72 8 0x8000000000 121 1 39
text unknown-incompatible-with-a-name.qcow2 122 'holograms'
keep unknown-incompatible-with-a-name.qcow2
damaged dirty 72 8 1 80 8 1 0x200e 2 0
damaged corrupt 72 8 2
damaged extension-too-long 112 4 0x12345678 116 4 0x10000
damaged feature-compression-without-type 72 8 8
damaged compression-type-unknown 72 8 8 104 1 9

# ---- header fields ----
damaged magic-wrong 0 4 0x514649fc
damaged version-4 4 4 4
damaged cluster-bits-8 20 4 8
damaged cluster-bits-22 20 4 22
damaged refcount-order-7 96 4 7
damaged header-length-100 100 4 100
damaged encryption-method-3 32 4 3
damaged backing-name-too-long 8 8 512 16 4 1024
damaged l1-too-small 24 8 0x1000000
damaged l1-unaligned 40 8 0x3008
damaged l1-outside-the-file 40 8 0x1000000
damaged refcount-table-unaligned 48 8 0x1200
damaged refcount-table-too-large 56 4 0x10000
damaged snapshot-table-too-large 60 4 65537 64 8 0x5000
damaged size-below-what-is-mapped 24 8 0x8000

# ---- tables ----
damaged l1-entry-unaligned 0x3000 8 0x8000000000004200
damaged l1-entry-outside-the-file 0x3000 8 0x8000000001000000
damaged l2-entry-unaligned 0x4000 8 0x8000000000005200
damaged l2-entry-outside-the-file 0x4000 8 0x8000000001000000
damaged l2-entry-reserved-bits 0x4000 8 0x8100000000005000
damaged l2-entry-not-copied 0x4000 8 0x0000000000005000
damaged cluster-used-twice 0x4008 8 0x8000000000005000
damaged cluster-in-the-refcount-block 0x4000 8 0x8000000000002000
damaged refcount-too-low 0x200a 2 0
damaged refcount-too-high 0x200a 2 2
damaged leak 0x4008 8 0
damaged refcount-block-unaligned 0x1000 8 0x2200
damaged refcount-block-outside-the-file 0x1000 8 0x1000000
damaged refcount-block-missing 0x1000 8 0
copy version2 version2-with-zero-flag
put version2-with-zero-flag.qcow2 0x4000 8 0x8000000000005001
keep version2-with-zero-flag.qcow2
copy plain truncated
truncate -s $((0x6000)) truncated.qcow2
keep truncated.qcow2
