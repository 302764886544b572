#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A conversion that fails exits with 1, says why, and takes away the target which it made; it
# touches no source.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

make_disk disk.raw 8M
qemu-img convert -f raw -O qcow2 disk.raw image.qcow2
qemu-img create -q -f qcow2 -b image.qcow2 -F qcow2 overlay.qcow2
sha256sum disk.raw image.qcow2 overlay.qcow2 > sums

gone() {
    [[ ! -e $1 ]] || fail "$1 was left behind"
}

# The disk is full: a file may not grow beyond a megabyte, which stops qcow2 in the middle.
for workers in 1 8; do
    status=0
    (trap '' XFSZ && ulimit -f 1024 &&
        exec qcow-img convert -m "$workers" -f raw -O qcow2 disk.raw full.qcow2) 2> err || status=$?
    [[ $status -eq 1 ]] || fail "status $status when the disk is full"
    grep -q "error while writing at byte" err || fail "the message is: $(cat err)"
    gone full.qcow2
done
(trap '' XFSZ && ulimit -f 1024 &&
    exec qcow-img convert -f raw -O qcow2 -o data_file=full.raw disk.raw full.qcow2) 2> err &&
    fail "a data file of 8 MiB fits into 1 MiB"
gone full.qcow2
gone full.raw
(trap '' XFSZ && ulimit -f 1024 && exec qcow-img convert -f raw disk.raw full.raw) 2> err &&
    fail "a raw disk of 8 MiB fits into 1 MiB"
gone full.raw

# What was there is gone, also where the process that works may not remove it; but not if it was not touched.
echo old > full.qcow2
(trap '' XFSZ && ulimit -f 1024 &&
    exec qcow-img convert --untrusted -f raw -O qcow2 disk.raw full.qcow2) 2> err &&
    fail "8 MiB fit into 1 MiB"
gone full.qcow2
cp image.qcow2 cut.qcow2
truncate -s 1M cut.qcow2
echo old > full.qcow2
echo old > full.raw
refuses "reading" convert --untrusted -f qcow2 -O qcow2 -o data_file=full.raw cut.qcow2 full.qcow2
[[ ! -s full.qcow2 && ! -s full.raw ]] || fail "half a target is left"
rm -f full.qcow2 full.raw
echo old > full.raw
refuses "not in qcow2 format" convert --untrusted -f qcow2 disk.raw full.raw
[[ $(cat full.raw) = old ]] || fail "a target that was not touched is gone"
rm full.raw

# Where a symbolic link leads to it, the link and an empty file stay, and nothing else is touched.
for verb in "convert -f raw -O qcow2 disk.raw link" "dd -f raw -O qcow2 bs=1M if=disk.raw of=link" \
    "convert -f qcow2 -O qcow2 -o data_file=link cut.qcow2 full.qcow2"; do
    echo old > led.to
    ln -s led.to link
    [[ $verb = *data_file* ]] && limit=unlimited || limit=1024
    # shellcheck disable=SC2086 # words
    (trap '' XFSZ && ulimit -f "$limit" && exec qcow-img $verb) 2> err && fail "no failure: $verb"
    [[ -L link && -f led.to && ! -s led.to ]] || fail "half a target is left: $verb"
    rm link led.to
done
gone full.qcow2

# A length that no file can have is found out before what was there goes.
for words in "-O raw disk.raw full.raw" "-O qcow2 -o data_file=full.raw disk.raw full.qcow2"; do
    echo old | tee full.raw > full.qcow2
    # shellcheck disable=SC2086 # words
    (trap '' XFSZ && ulimit -f 1024 && exec qcow-img convert -f raw $words) 2> err &&
        fail "8 MiB fit into 1 MiB: $words"
    [[ $(cat full.raw full.qcow2) = $'old\nold' ]] || fail "what was there is gone: $words"
done
rm full.raw full.qcow2

# A device is written to, perhaps, but never taken away.
refuses "" convert -f raw -O qcow2 disk.raw /dev/full
[[ -c /dev/full ]] || fail "/dev/full is gone"

# A missing source, target folder or backing file.
refuses "Could not open 'missing.raw'" convert missing.raw target
refuses "Could not open 'missing.raw'" convert -f raw disk.raw missing.raw target
refuses "nowhere/target: error while converting raw" convert -f raw disk.raw nowhere/target
refuses "nowhere/target: error while converting qcow2" \
    convert -f raw -O qcow2 disk.raw nowhere/target
refuses "missing.qcow2" convert -f raw -O qcow2 -B missing.qcow2 -F qcow2 disk.raw target
refuses "not in qcow2 format" convert -f qcow2 disk.raw target
refuses "" convert -f raw -O qcow2 disk.raw .
gone target

# The target is a source, or below one.
refuses "disk.raw" convert -f raw -O raw disk.raw disk.raw
refuses "image.qcow2" convert -f qcow2 -O qcow2 image.qcow2 image.qcow2
refuses "image.qcow2" convert -f qcow2 -O raw overlay.qcow2 image.qcow2
refuses "image.qcow2" convert -U -f qcow2 -O raw overlay.qcow2 image.qcow2
ln image.qcow2 link.qcow2
refuses "link.qcow2" convert -f qcow2 -O raw image.qcow2 link.qcow2
refuses "" convert -n -f qcow2 -O qcow2 overlay.qcow2 image.qcow2
refuses "" convert -n -U -f qcow2 -O qcow2 overlay.qcow2 image.qcow2
for share in "" -U; do
    # shellcheck disable=SC2086 # no word, or one
    refuses "disk.raw" convert $share -f raw -O qcow2 -o data_file=disk.raw disk.raw target
    qcow-img convert -f raw -O qcow2 -o data_file=held.raw disk.raw holder.qcow2
    cp held.raw held
    # shellcheck disable=SC2086
    refuses "held.raw" convert $share -O raw holder.qcow2 held.raw
    # shellcheck disable=SC2086
    refuses "held.raw" dd $share if=holder.qcow2 of=held.raw
    cmp held held.raw || fail "the data file of the source was changed"
done
refuses "" convert -f qcow2 -O qcow2 -B overlay.qcow2 -F qcow2 image.qcow2 overlay.qcow2
sha256sum --quiet -c sums || fail "a source was written to"

# What was there before and was not replaced stays.
refuses "smaller" convert -n -f raw -O qcow2 disk.raw disk.raw overlay.qcow2
sha256sum --quiet -c sums || fail "a target was written to"
