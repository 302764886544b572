#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# convert -c at every level and window: the same bytes for any number of threads, good and readable for
# QEMU (whose reader declares a window of 4 KiB, and reads the widest all the same, because it has the
# whole cluster in one buffer).  What cannot be is refused, and leaves no file.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

# Noise, a hole, and text that repeats itself at all distances.
head -c 100k /dev/urandom > source.raw
truncate -s 1M source.raw
find "$abs_top_srcdir/lib" -name '*.c' -print0 | sort -z | xargs -0 cat | head -c 1500k >> source.raw

# made OPTIONS: an image with these, and its size in $size.
made() {
    qcow-img convert -f raw -O qcow2 -c -m 1 -o "$1" source.raw one.qcow2
    qcow-img convert -f raw -O qcow2 -c -m 16 -W -o "$1" source.raw many.qcow2
    qemu-img compare -q -f raw -F qcow2 source.raw many.qcow2 || fail "$1, out of order: other content"
    qcow-img convert -f raw -O qcow2 -c -m 16 -o "$1" source.raw many.qcow2
    cmp one.qcow2 many.qcow2 || fail "$1: not the same for one and for many threads"
    qemu-img check -q one.qcow2 || fail "$1: qemu-img check finds damage"
    qemu-img compare -q -f raw -F qcow2 source.raw one.qcow2 || fail "$1: QEMU reads something else"
    qcow-img compare -q -f raw -F qcow2 source.raw one.qcow2 || fail "$1: we read something else"
    size=$(stat -c %s one.qcow2)
}

made compression_level=default
default=$size
qcow-img convert -f raw -O qcow2 -c source.raw two.qcow2
cmp one.qcow2 two.qcow2 || fail "the default is not what it is without the option"
made compression_level=best
[ "$size" -le "$default" ] || fail "best: $size bytes, default: $default"
for level in fast 1 4 9; do
    made "compression_level=$level"
done
for window in 9 11 14; do
    made "compression_window=$window"
done
made compression_window=15
[ "$size" -lt "$default" ] || fail "window 15: $size bytes, 12: $default"
wide=$size
made compression_window=15,compression_level=12
[ "$size" -lt "$wide" ] || fail "window 15, level 12: $size bytes, default level: $wide"
made compression_window=15,compression_level=fast
made compression_window=15,cluster_size=2M
made compression_window=15,cluster_size=512
made compression_level=fast,cluster_size=4k,refcount_bits=1

made compression_type=zstd
default=$size
made compression_type=zstd,compression_level=best
[ "$size" -le "$default" ] || fail "zstd best: $size bytes, default: $default"
for level in fast 1 10 19; do
    made "compression_type=zstd,compression_level=$level"
done

# Into an image that is there.
qemu-img create -q -f qcow2 there.qcow2 "$(stat -c %s source.raw)"
qcow-img convert -n -c -f raw --target-image-opts source.raw \
    driver=qcow2,file.filename=there.qcow2,compression-level=12,compression-window=15
qemu-img check -q there.qcow2
qemu-img compare -q -f raw -F qcow2 source.raw there.qcow2
qcow-io -c 'write -P 7 0 1M' -c 'write -c -P 9 64k 64k' \
    --image-opts driver=qcow2,file.filename=there.qcow2,compression-level=fast > /dev/null
qemu-io -c 'read -P 9 64k 64k' -c 'read -P 7 128k 896k' there.qcow2 | grep -qi failed && fail "overwritten clusters"
qemu-img check -q there.qcow2

# refused SENTENCE ARGUMENTS...
refused() {
    local sentence=$1
    shift
    rm -f new.qcow2
    if qcow-img "$@" > out 2>&1; then
        fail "not refused: qcow-img $*"
    fi
    grep -qF -- "$sentence" out || fail "qcow-img $* says: $(cat out)"
    [ ! -e new.qcow2 ] || fail "qcow-img $* leaves a file"
}
refused 'level 10 is too high' convert -c -O qcow2 -o compression_level=10 source.raw new.qcow2
refused 'level 13 is too high' convert -c -O qcow2 -o compression_level=13,compression_window=15 \
    source.raw new.qcow2
refused 'zstd has no window' convert -c -O qcow2 -o compression_type=zstd,compression_window=12 \
    source.raw new.qcow2
refused "expects 'fast'" convert -c -O qcow2 -o compression_level=faster source.raw new.qcow2
refused 'from 9 to 15' convert -c -O qcow2 -o compression_window=16 source.raw new.qcow2
refused 'expects a number' convert -c -O qcow2 -o compression_window=wide source.raw new.qcow2
refused 'has no effect without -c' convert -O qcow2 -o compression_level=9 source.raw new.qcow2
refused 'not kept in an image' create -f qcow2 -o compression_level=9 new.qcow2 1M
refused 'Invalid parameter' convert -O raw -o compression_level=9 source.raw new.qcow2
