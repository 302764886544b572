#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Whatever qemu-img's guessing takes for an image of some format is no raw disk to us, and is found by an
# audit when it is a disk's content.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img python3

# Disks of 64 KiB that begin, or end, like something.
python3 - <<'PYTHON'
import struct
SIZE = 65536
def disk(name, start, end=b''):
    content = bytearray(SIZE)
    content[:len(start)] = start
    content[SIZE - len(end):] = end
    open(name + ('' if '.' in name else '.img'), 'wb').write(content)
def bochs(version, subtype=b'Growing', kind=b'Redolog', mark=b'Bochs Virtual HD Image'):
    return struct.pack('<32s16s16sI', mark, kind, subtype, version) + struct.pack('<I', 512)
cloop = b'#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n'
for version in (1, 2, 3, 4, 0xff000000):
    disk('qcow-%d' % version, b'QFI\xfb' + struct.pack('>I', version))
disk('cloop', cloop)
disk('cloop-cut', cloop[:60])
for version in (0x10000, 0x20000, 0x30000):
    disk('bochs-%x' % version, bochs(version))
disk('bochs-undoable', bochs(0x20000, b'Undoable'))
disk('qed', b'QED\0')
disk('vmdk-3', b'COWD')
disk('vmdk-4', b'KDMV')
words = [b'version=1\n', b'version=2\r\n', b'version=3\n', b'version=4\n', b'version=1 \n', b'# x\nversion=3\n',
         b' \nversion=1\n', b'\nversion=1\n', b'#x\n   \r\nversion=1\r\n', b'#\n version=1\n', b'#a\rversion=1\n',
         b'  #x\nversion=1\n', b'#' * 499 + b'\nversion=1\n', b'#' * 502 + b'\nversion=1\n',
         b'# Disk DescriptorFile\nversion=1\n', b'VERSION=1\n', b'#\n\nversion=1\n']
for i, text in enumerate(words):
    disk('words-%d' % i, text)
disk('vpc', b'conectix')
disk('vpc-fixed', b'', b'conectix'.ljust(512, b'\0'))
disk('vhdx', b'vhdxfile')
disk('vdi', bytes(64) + b'\x7f\x10\xda\xbe')
disk('luks-1', b'LUKS\xba\xbe\0\1')
disk('luks-2', b'LUKS\xba\xbe\0\2')
for mark in (b'WithoutFreeSpace', b'WithouFreSpacExt'):
    disk('parallels-' + mark.decode(), mark + struct.pack('<I', 2))
disk('trailer', b'', b'koly'.ljust(512, b'\0'))
disk('trailer.dmg', b'', b'koly'.ljust(512, b'\0'))
disk('name.dmg', b'')
disk('zeroes', b'')
disk('cow', b'OOOM\0\0\0\2')
disk('mbr', bytes(510) + b'\x55\xaa')
PYTHON

taken=0
for disk in *.img *.dmg; do
    # a raw disk of that size has nothing that could be wrong
    if format=$(qemu-img info --output=json "$disk" 2>/dev/null | sed -nE 's/^    "format": "(.*)",?$/\1/p') &&
        [ "$format" = raw ]; then
        continue
    fi
    taken=$((taken + 1))
    status=0
    qcow-img audit "$disk" >out 2>&1 || status=$?
    [ $status != 0 ] && [ $status != 3 ] || fail "$disk is no raw disk for qemu-img: $(cat out)"
    ! qcow-img info "$disk" 2>&1 | grep -qx 'file format: raw' || fail "$disk is raw for info"
    [ "$disk" != name.dmg ] || continue # there is nothing but the name
    qcow-img convert -q -f raw -O qcow2 -S 0 "$disk" inside.qcow2
    status=0
    qcow-img audit inside.qcow2 >out 2>&1 || status=$?
    [ $status = 2 ] && grep -q image-inside out || fail "$disk as a guest's disk: $(cat out)"
    qcow-img audit -q inside.qcow2 || [ $? = 2 ]
done
[ $taken -ge 22 ] || fail "qemu-img takes only $taken for images"

# Marks that it does not look for, and others do.
for disk in vpc-fixed trailer cow luks-2 cloop-cut; do
    qcow-img convert -q -f raw -O qcow2 "$disk.img" inside.qcow2
    ! qcow-img audit inside.qcow2 >out || fail "$disk: $(cat out)"
    grep -q image-inside out || fail "$disk as a guest's disk: $(cat out)"
    ! qcow-img audit "$disk.img" >out || fail "$disk: $(cat out)"
    grep -q image-inside out || fail "$disk as a raw disk: $(cat out)"
done

# What is nothing is nothing.
for disk in zeroes mbr; do
    qcow-img convert -q -f raw -O qcow2 "$disk.img" inside.qcow2
    qcow-img audit -q inside.qcow2 || fail "$disk: $(qcow-img audit inside.qcow2)"
    qcow-img audit "$disk.img" >out || [ $? = 3 ] || fail "$disk: $(cat out)"
done
