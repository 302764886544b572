#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A block device holds old bytes when it becomes an image, a data file or a raw disk: what is copied there is
# what is read from there.  It is named by the driver host_device, a file by the driver file.
set -eu
[ "$(id -u)" = 0 ] || { echo "SKIP: only root can set up a loop device"; exit 77; }
command -v losetup >/dev/null || { echo "SKIP: no losetup"; exit 77; }
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
cd "$top"

fail() {
    echo "$*"
    exit 1
}

truncate -s 4M store
device=$(losetup -f --show store 2>err) || { echo "SKIP: $(cat err)"; exit 77; }
trap 'losetup -d "$device"; rm -rf "$top"' EXIT

# old: the device is full of what is no zero.
old() {
    head -c 4M /dev/zero | tr '\0' 'U' >"$device"
}

truncate -s 2M source.raw
qemu-io -f raw -c 'write -q -P 9 64k 64k' -c 'write -q -z 128k 64k' source.raw

# same FORMAT FILE: as read by each.
same() {
    qemu-img compare -q -f raw -F "$1" source.raw "$2" || fail "$what: qemu-img reads something else"
    qcow-img compare -q -f raw -F "$1" source.raw "$2" || fail "$what: qcow-img reads something else"
}

# A data file
for options in '' ,preallocation=metadata ,preallocation=falloc ,preallocation=full ,data_file_raw=on; do
    what="convert -o data_file=DEVICE$options"
    old
    qcow-img convert -f raw -O qcow2 -o "data_file=$device$options" source.raw data.q
    same qcow2 data.q
    qemu-img check -q data.q || fail "$what: not clean"
    qcow-io -c 'write -q -P 3 1M 64k' -c 'write -q -z 1088k 64k' data.q
    qemu-io -r -c 'read -P 3 1M 64k' -c 'read -P 0 1088k 64k' data.q >out
    ! grep -q 'failed' out || fail "$what: $(cat out)"
done
what="the device behind the data file"
head -c 4 source.raw >four
for options in '' ,data_file_raw=on; do
    old
    qcow-img create -q -f qcow2 -o "data_file=$device$options" data.q 2M
    qcow-io -c 'read -P 0 0 2M' data.q >out
    ! grep -q 'failed' out || fail "create -o data_file=DEVICE$options: old bytes are read"
done
qcow-img convert -U -f qcow2 -O raw data.q "$device" 2>err && fail "$what was overwritten"
grep -q 'is read from this file' err || fail "$what: $(cat err)"
mknod node b "$(stat -c %Hr "$device")" "$(stat -c %Lr "$device")"
qcow-img create -f qcow2 -b data.q -F qcow2 node 2>err && fail "$what was overwritten by another node"
grep -q 'same filename as the backing file' err || fail "$what: $(cat err)"

# An image, and a raw disk
for options in '' '-o preallocation=metadata' '-S 0'; do
    for format in qcow2 raw; do
        [ "$format $options" != 'raw -o preallocation=metadata' ] || continue
        what="convert $options -O $format to the device"
        old
        qcow-img convert $options -f raw -O $format source.raw "$device"
        [ $format = qcow2 ] || [ "$(head -c 2M "$device" | cmp - source.raw)" = '' ] || fail "$what"
        [ $format = raw ] || same qcow2 "$device"
    done
done
for format in qcow2 raw; do
    what="create -o preallocation=full on the device"
    old
    qcow-img create -q -f $format -o preallocation=full "$device" 1M
    [ $format = raw ] || qemu-img check -q "$device" || fail "$what: not clean"
    qcow-io -r -c 'read -P 0 0 1M' "$device" >out 2>&1
    ! grep -q 'failed' out || fail "$what: old bytes are read"
done
for name in "$device" "host_device:$device"; do
    what="$name as a target"
    old
    qcow-img convert -f raw -O qcow2 source.raw "$name"
    same qcow2 "$name"
done

# The two drivers
qemu-img create -q -f qcow2 file.q 1M
both() {
    local theirs=0 ours=0
    qemu-img "$@" >qemu.out 2>&1 || theirs=$?
    qcow-img "$@" >qcow.out 2>&1 || ours=$?
    sed -i 's/^qemu-img/qcow-img/' qemu.out
    [ $theirs = $ours ] || fail "$*: status $ours, and of qemu-img $theirs: $(cat qcow.out)"
    [ $theirs = 0 ] || diff qemu.out qcow.out || fail "$*: not in QEMU's words"
}
for driver in file host_device; do
    for file in "$device" file.q node "$top" nowhere; do
        both info "$driver:$file"
        both map --image-opts "driver=qcow2,file.driver=$driver,file.filename=$file"
        both map "json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"$driver\",\"filename\":\"$file\"}}"
    done
done
both map --image-opts "driver=qcow2,file.filename=$device"
for name in host_device:new host_device:file.q "file:$device"; do
    ! qcow-img create -q -f qcow2 "$name" 1M 2>err || fail "create $name"
    grep -q "Could not open 'new'\|driver requires '.*' to be" err || fail "create $name: $(cat err)"
    [ ! -e new ] || fail "create $name made a file"
done
