#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# With --untrusted the work is done in a sandbox: it is on while the image is open, every verb still
# does what it does, other files stay shut, and a target that failed is not left behind.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# refused WORDS COMMAND...: it fails, and says so.
refused() {
    local words=$1
    shift
    if "$@" >out 2>err; then fail "$*: not refused"; fi
    grep -qF -- "$words" err || fail "$*: says $(cat err)"
}

truncate -s 8M disk.raw
qcow-io -f raw -c 'write -P 0x5a 1M 3M' disk.raw >/dev/null
printf secret >password
luks=(--object 'secret,id=key,file=password')

# What the user asks for is done all the same, threads and all.
qcow-img convert --untrusted -f raw -O qcow2 disk.raw a.qcow2
qcow-img convert --untrusted -c -m 4 -O qcow2 -o compression_type=zstd a.qcow2 zstd.qcow2
qcow-img convert --untrusted -c -O qcow2 a.qcow2 zlib.qcow2
qcow-img convert --untrusted "${luks[@]}" -O qcow2 \
    -o encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10 a.qcow2 luks.qcow2
for copy in zstd zlib; do
    qcow-img compare --untrusted -q disk.raw $copy.qcow2
done
qcow-img convert --untrusted "${luks[@]}" --image-opts -O raw \
    driver=qcow2,file.filename=luks.qcow2,encrypt.key-secret=key back.raw
cmp disk.raw back.raw
qcow-img dd --untrusted -O raw bs=1M if=a.qcow2 of=dd.raw
cmp disk.raw dd.raw
qcow-img create -q --untrusted -f qcow2 -o data_file=data.raw new.qcow2 1M
qcow-img snapshot --untrusted -c one a.qcow2
qcow-img snapshot --untrusted -l a.qcow2 | grep -q one
qcow-img bitmap --untrusted --add a.qcow2 bits
qcow-img resize -q --untrusted a.qcow2 +1M
qcow-img amend --untrusted -o lazy_refcounts=on a.qcow2
qcow-img check --untrusted -q -r all a.qcow2
qcow-img map --untrusted a.qcow2 >/dev/null
qcow-img measure --untrusted -O raw a.qcow2 >/dev/null
qcow-img bench --untrusted -c 10 a.qcow2 >/dev/null
qcow-img info --untrusted --output=json a.qcow2 >info
qcow-io --untrusted -c 'read -P 0x5a 1M 3M' a.qcow2 >/dev/null

# It is on: the process that works says so itself.
mkfifo words prompt
qcow-io --untrusted a.qcow2 <words >prompt &
pid=$!
exec 3>words 4<prompt
head -c 8 <&4 >/dev/null
# the worker is the child of the process that was started
for status in /proc/[0-9]*/status; do
    grep -qsx "PPid:[[:space:]]*$pid" "$status" && cp "$status" worker
done
exec 3>&-
cat <&4 >/dev/null
wait "$pid"
grep -qx 'NoNewPrivs:[[:space:]]*1' worker || fail "the worker may gain rights"
qcow-img info --untrusted a.qcow2 2>warning >/dev/null
if grep -q 'without libseccomp' warning; then
    echo "not looked at: this build restricts no system calls"
else
    grep -qx 'Seccomp:[[:space:]]*2' worker || fail "the worker is not restricted"
fi

# Names of anything but a file, and files that are none.
mkfifo fifo
ln -s a.qcow2 link
for verb in info check map; do
    refused 'takes names of files only' qcow-img $verb --untrusted 'json:{"file.filename":"a.qcow2"}'
    refused 'takes names of files only' qcow-img $verb --untrusted nbd://localhost
    refused 'is not a regular file' qcow-img $verb --untrusted fifo
    refused 'is not a regular file' qcow-img $verb --untrusted -f raw /dev/zero
    refused 'is a symbolic link' qcow-img $verb --untrusted link
    refused 'No such file' qcow-img $verb --untrusted missing
done
refused 'is a symbolic link' qcow-io --untrusted -c 'read 0 1' link

# A command of qcow-io cannot lead elsewhere.  (Without Landlock it can: then a warning says so.)
if ! grep -q 'has no Landlock' warning; then
    refused 'Permission denied' qcow-io --untrusted -r -c close -c 'open disk.raw' a.qcow2
fi

# Nor does it follow names inside images, which the image of the command line may be opened for.
qcow-img create -q -f qcow2 -b a.qcow2 -F qcow2 above.qcow2
refused 'opening backing files is not allowed' \
    qcow-io --untrusted -f raw -c close -c 'open above.qcow2' above.qcow2

# What fails leaves no target, and keeps one that was there.
head -c 200000 zlib.qcow2 >broken.qcow2
qcow-img create -q -f raw kept 1M
refused '' qcow-img convert --untrusted -O qcow2 broken.qcow2 target
[ ! -e target ] || fail "a failed target is left"
refused '' qcow-img convert --untrusted -f qcow2 -O qcow2 disk.raw kept
[ -e kept ] || fail "the target that was there is gone"
