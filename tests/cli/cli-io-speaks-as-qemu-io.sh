#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Reading, writing and the rest say and do what qemu-io says and does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 io.qcow2 1M
both truncate -s 1M q.raw
printf 'QFI\373' | both_get qcow2-magic
printf 'abc' | both_get letters

# Reading and writing, aligned and not.
same_io -c 'write -P 1 0 64k' io.qcow2
same_io -c 'write 0 100' -c 'write 1 512' -c 'write 512 512' -c 'read 100 5' io.qcow2
same_io -c 'write -P 0x41 0 18' -c 'read -v 0 18' -c 'read -qv 0 18' -c 'read -v 10 100' io.qcow2
same_io -c 'read -P 0x41 0 18' -c 'read -P 2 0 64k' -c 'read -P 1 64k 1' io.qcow2
same_io -c 'read -P 0x41 -s 2 -l 16 0 100' -c 'read -P 0xcd -s 100 0 200' io.qcow2
same_io -c 'read -P 0x41 -s 20 0 10' -c 'read -P 1 -l 20 0 10' -c 'read -P 9 -s 2 -l 3 4 10' io.qcow2
same_io -c 'write -z 0 64k' -c 'write -zu 64k 64k' -c 'write -f 0 512' -c 'write -zf 0 512' io.qcow2
same_io -c 'write -q 0 512' -c 'write -C 0 512' -c 'read -C 0 512' -c 'read -q -P 9 0 1' io.qcow2
same_io -c 'write 1023k 1k' -c 'write 1023k 2k' -c 'read 2M 512' -c 'write 2M 512' io.qcow2
same_io -c 'write 0 0' -c 'read 0 0' -c 'write -z 0 0' -c 'discard 0 0' -c 'write -C 0 0' io.qcow2
same_io -c 'write -s letters 100 10' -c 'read -v 96 20' -c 'write -s nothere 0 4' io.qcow2
same_io -c 'readv 0 512 512' -c 'writev -P 7 0 512 1k' -c 'readv -P 7 0 1536' io.qcow2
same_io -c 'aio_read 0 512' -c aio_flush -c 'aio_write -P 9 0 512' -c aio_flush io.qcow2
same_io -c 'w 0 1' -c 'r 0 1' -c 'd 0 64k' -c f -c l -c i -c 'a 0' -c q -c l io.qcow2
same_io -c 'write 0x200 0x10' -c 'write 1.5k 1' -c 'write   0     1  ' -c '   length' -c '' io.qcow2

# Compressed clusters.
both qemu-img create -f qcow2 c.qcow2 1000k
same_io -c 'write -c -P 1 0 64k' -c 'write -c -P 2 128k 128k' -c 'read -P 1 0 64k' c.qcow2
same_io -c 'read -P 2 128k 128k' -c 'read -P 0 64k 64k' -c 'write -P 3 100 10' -c map c.qcow2
same_io -c 'write -cq -P 2 256k 64k' -c 'write -c -P 4 960k 40k' -c 'read -P 4 960k 40k' c.qcow2
same_io -c 'write -c 0 100' -c 'write -c 100 512' -c 'write -cz 512k 64k' -c 'read -P 0 512k 1' c.qcow2
same map --output=json c.qcow2
same check c.qcow2

# What is refused.
same_io -c 'write -n 0 64k' -c 'write -u 0 512' -c 'write -zP 1 0 512' io.qcow2
same_io -c 'write -1 512' io.qcow2
same_io -c 'write 0 3G' -c 'write a 1' -c 'write 0 b' -c 'write 0 1 2' io.qcow2
same_io -c 'write' -c 'write 0' -c 'foo' -c 'read 0' -c 'length 1' -c 'alloc' io.qcow2
same_io -c 'write -Q 0 1' io.qcow2
same_io -c 'read -P 300 0 1' -c 'read -P x 0 1' -c 'read -s 10 0 1' -c 'read -l 1 0 512' io.qcow2
same_io -c 'write 99999999999999999999 1' -c 'write 9E 1' -c 'write 8E 1' io.qcow2
same_io -c 'discard 2M 1' -c 'discard x 1' -c 'discard 0 3G' -c 'discard 0 1 2' io.qcow2
same_io -c 'help foo' -c 'help a b' io.qcow2

# Allocation and sizes.
same_io -c 'write -P 1 0 64k' -c 'discard 0 64k' -c 'discard -q 0 64k' -c 'discard -C 64k 64k' io.qcow2
same_io -c map -c 'alloc 0 64k' -c 'alloc 0' -c 'alloc 2M' -c 'alloc 1000k 100k' io.qcow2
same_io -c 'write -P 1 0 64k' -c 'write -P 2 64k 64k' -c 'write -z 256k 64k' -c map io.qcow2
same_io -c 'alloc 0 1M' -c 'alloc 64k 200k' -c 'alloc x' -c 'alloc 0 x' -c 'map 1' io.qcow2
same_io -c 'truncate 2M' -c length -c 'truncate 1000' -c 'truncate x' -c truncate io.qcow2
same_io -c 'truncate 2M' -c length -c flush -c info io.qcow2
same_io -c 'sleep 10' -c 'sleep x' -c 'sleep' -c quit -c length io.qcow2

# Opening.
same_io -c 'close' -c 'length' io.qcow2
same_io -c close -c 'open io.qcow2' -c length -c reopen -c 'reopen -r' -c 'write 0 512' io.qcow2
same_io -c 'open io.qcow2' io.qcow2
same_io -c 'open -r io.qcow2' -c 'write 0 512' -c 'discard 0 1' -c 'truncate 1M' -c flush
same_io -c 'open -o driver=qcow2,file.filename=io.qcow2' -c length
same_io -c 'open' -c 'open nothere' -c 'read 0 512'
same_io -c 'open -t foo io.qcow2' -c 'reopen'
same_io -r -c 'reopen -w' -c 'write 0 1' io.qcow2
same_io -r -c 'write 0 512' io.qcow2
same_io -r -c 'read 0 512' io.qcow2
for flags in -n '-t writethrough' '-t unsafe' '-t foo' '-d foo' '-d unmap' '-d off' -U '-U -r' \
    -m '-i threads' '-f qcow2' '-f foo'; do
    # shellcheck disable=SC2086
    same_io $flags -c length io.qcow2
done
same_io -c 'read 0 512' nothere
same_io -f raw -c 'read 0 512' -c info io.qcow2

# A raw disk that was only guessed to be one.
same_io -c 'write -P 1 0 512' -c 'write 0 100' -c 'write -s qcow2-magic 512 4' q.raw
same_io -c 'write -s qcow2-magic 0 512' -c 'write -s qcow2-magic 0 4' q.raw
same_io -f raw -c 'write 0 512' -c 'discard 0 64k' -c 'write 1M 512' q.raw
same_io -f raw -c 'write -s qcow2-magic 0 4' -c 'read -v 0 16' q.raw

qemu-img check -q ours/io.qcow2
qemu-img compare -q theirs/io.qcow2 ours/io.qcow2
cmp theirs/q.raw ours/q.raw
finish
