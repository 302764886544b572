#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdcopy, over several connections, gets out of a compressed image what was put into it, by either
# hand, and a client that writes into it leaves it clean.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

for program in nbdkit nbdcopy; do
    if ! command -v "$program" > /dev/null; then
        echo "skipped: $program is not installed"
        exit 77
    fi
done

make_text disk.raw 9437696
for tool in qcow-img qemu-img; do
    for type in zlib zstd; do
        $tool convert -c -f raw -O qcow2 -o compression_type=$type disk.raw image.qcow2
        nbdkit --exit-with-parent -U - qcow2 image.qcow2 --run \
            'nbdcopy --connections=4 "$uri" copy.raw' || fail "$tool $type: nbdcopy"
        same disk.raw copy.raw

        nbdkit -U - qcow2 image.qcow2 --run 'qemu-io -f raw -c "write -P 1 70k 1k" \
            -c "write -z 1M 1M" -c "discard 3M 1M" "$uri"' > log || fail "$tool $type: qemu-io"
        clean image.qcow2
        qemu-io -f qcow2 -c 'read -P 1 70k 1k' -c 'read -P 0 1M 1M' -c 'read -P 0 3M 1M' image.qcow2 |
            grep -q failed && fail "$tool $type: other bytes than written"
        nbdkit -r -U - qcow2 image.qcow2 --run 'nbdcopy "$uri" copy.raw' || fail "nbdcopy of the rest"
        same_disk copy.raw raw image.qcow2 qcow2
    done
done
