#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients of the NBD server see subclusters as extents, and change them.
set -eu
. "$abs_top_srcdir/tests/interop/convert-common.sh"

for program in nbdkit nbdcopy nbdinfo; do
    if ! command -v "$program" > /dev/null; then
        echo "skipped: $program is not installed"
        exit 77
    fi
done

make_text disk.raw 9437696
for tool in qcow-img qemu-img; do
    $tool convert -f raw -O qcow2 -o extended_l2=on,cluster_size=128k disk.raw image.qcow2
    nbdkit --exit-with-parent -U - qcow2 image.qcow2 --run \
        'nbdcopy --connections=4 "$uri" copy.raw' || fail "$tool: nbdcopy"
    same disk.raw copy.raw
done

qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=128k image.qcow2 8M
nbdkit -U - qcow2 image.qcow2 --run 'qemu-io -f raw -c "write -P 1 72k 1k" -c "write -P 2 1M 128k" \
    -c "write -z 1040k 8k" -c "discard 3M 1M" "$uri"' > log || fail "qemu-io"
clean image.qcow2
nbdkit -r -U - qcow2 image.qcow2 --run 'nbdinfo --map "$uri"' | awk '{ print $1, $2, $3 }' > map
cat > expected << 'END'
0 73728 3
73728 4096 0
77824 970752 3
1048576 16384 0
1064960 8192 3
1073152 106496 0
1179648 7208960 3
END
# what is allocated and zero has a status of its own
sed -i 's/ 2$/ 3/' map
diff expected map || fail "another map"
