#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --salvage passes over all that a damaged table should tell of at once, however much that is, with
# one warning; what is around it is copied, and data that cannot be read are still salvaged sector
# by sector.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

be64() { # FILE OFFSET: the number there
    od -An -v -tu8 --endian=big -j "$2" -N 8 "$1" | tr -d ' '
}

poke() { # FILE OFFSET HEX
    # shellcheck disable=SC2059 # the format is the bytes
    printf "$(sed 's/../\\x&/g' <<< "$3")" |
        dd of="$1" bs=64k seek="$2" oflag=seek_bytes conv=notrunc status=none
}

salvages() { # WARNINGS WORD...
    local warnings=$1
    shift
    run timeout 20 qcow-img convert --salvage "$@"
    [[ $status -eq 0 ]] || fail "convert --salvage $*: status $status"
    [[ $(grep -c 'warning: error while reading' err) -eq $warnings ]] ||
        fail "convert --salvage $*: not $warnings warnings: $(head -c 2000 err)"
}

# 1 TiB of tables at impossible places
qemu-img create -q -f qcow2 huge.qcow2 1T
l1=$(be64 huge.qcow2 40)
poke huge.qcow2 "$l1" "$(for i in {0..2047}; do printf '80000000%08x' $((i * 65536 + 512)); done)"
salvages 1 -O qcow2 huge.qcow2 target.qcow2
grep -q 'warning: error while reading block status at offset 0: .*L1 index 0x0' err ||
    fail "the warning is $(cat err)"
clean target.qcow2
salvages 1 -O raw huge.qcow2 target.raw
salvages 1 -c -O qcow2 huge.qcow2 target.qcow2
salvages 0 -q -O qcow2 huge.qcow2 target.qcow2
qemu-img create -q -f qcow2 -b huge.qcow2 -F qcow2 top.qcow2
qemu-io -c 'write -P 9 512G 64k' top.qcow2 > io.out
salvages 2 -O qcow2 top.qcow2 target.qcow2
qemu-io -r -c 'read -P 9 512G 64k' target.qcow2 > io.out
! grep -i fail io.out || fail "what lies above the damage was lost"

# One of three tables, and entries of another: what is around them stays.
head -c 8M /dev/urandom > disk.raw
truncate -s 96M disk.raw
fill disk.raw 40M 64k
fill disk.raw 70M 1M
qemu-img convert -f raw -O qcow2 -o cluster_size=4k disk.raw image.qcow2 # 2 MiB to a table
l1=$(be64 image.qcow2 40)
table=$(($(be64 image.qcow2 $((l1 + 8))) & 0x00fffffffffffe00))
poke image.qcow2 $((l1 + 16)) 8000000000000200
poke image.qcow2 $((table + 7 * 8)) 80ffff0000000000
poke image.qcow2 $((table + 8 * 8)) 80ffff0000000000
poke image.qcow2 $((table + 10 * 8)) 80ffff0000000000
cp disk.raw expected.raw
dd if=/dev/zero of=expected.raw bs=2M seek=2 count=1 conv=notrunc status=none
dd if=/dev/zero of=expected.raw bs=4k seek=$((512 + 7)) count=2 conv=notrunc status=none
dd if=/dev/zero of=expected.raw bs=4k seek=$((512 + 10)) count=1 conv=notrunc status=none
salvages 3 -O raw image.qcow2 target.raw
same target.raw expected.raw
for offset in $((2097152 + 7 * 4096)) $((2097152 + 10 * 4096)) 4194304; do
    grep -q "block status at offset $offset: " err || fail "no warning of $offset: $(cat err)"
done

# A table, and two sectors of data, that the medium does not give.
if ! nbdkit eval --version > /dev/null 2>&1; then
    exit 0
fi
head -c 256k /dev/urandom > disk.raw
# 32 KiB to a table; what lies next to the header is read with it, and both places lie far behind.
qemu-img convert -f raw -O qcow2 -o cluster_size=512 disk.raw image.qcow2
l1=$(be64 image.qcow2 40)
bad=$(($(be64 image.qcow2 $((l1 + 4 * 8))) & 0x00fffffffffffe00))
sick=$(be64 image.qcow2 "$(($(be64 image.qcow2 $((l1 + 6 * 8))) & 0x00fffffffffffe00))")
sick=$((sick & 0x00fffffffffffe00)) # the cluster at 192 KiB
# shellcheck disable=SC2016 # the server's words
run timeout 60 nbdkit -U - -t 1 eval get_size="stat -c %s $PWD/image.qcow2" \
    pread='end=$(($4 + $3))
for at in '"$bad $sick"'; do
    if [ "$4" -lt $((at + 512)) ] && [ $end -gt "$at" ]; then echo EIO >&2; exit 1; fi
done
dd if='"$PWD"'/image.qcow2 bs=64k skip="$4" count="$3" iflag=skip_bytes,count_bytes status=none' \
    --run 'qcow-img convert --salvage -f qcow2 -O raw "$uri" target.raw'
[[ $status -eq 0 ]] || fail "a sick medium: status $status, $(head -c 2000 err)"
cp disk.raw expected.raw
dd if=/dev/zero of=expected.raw bs=32k seek=4 count=1 conv=notrunc status=none
dd if=/dev/zero of=expected.raw bs=512 seek=384 count=1 conv=notrunc status=none
same target.raw expected.raw
[[ $(grep -c 'warning: error while reading' err) -eq 2 ]] || fail "a sick medium: $(cat err)"
grep -q "block status at offset 131072: " err || fail "the table: $(cat err)"
grep -q "while reading offset 196608: " err || fail "the sector: $(cat err)"
