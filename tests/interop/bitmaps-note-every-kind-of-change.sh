#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Each kind of change sets the bits that QEMU's bitmap would have, and applying a snapshot those of what
# differs; what changes nothing sets none.
set -eu
. "$(dirname "$0")/bitmaps-common.sh"

new() { # [OPTIONS...]
    qemu-img create -q -f qcow2 "$@" image.qcow2 8M
    qemu-io -f qcow2 -c 'write -q -P 1 0 2M' image.qcow2
    qcow-img bitmap --add -g 64k image.qcow2 b
}

# expect WHAT: standard input has the extents.
expect() {
    local expected
    expected=$(cat)
    clean image.qcow2
    diff <(echo "$expected") <(dirty image.qcow2 b; [[ $expected ]] || echo) || fail "$*"
    diff <(dirty image.qcow2 b) <(qemu_dirty image.qcow2 b) || fail "$*, as QEMU sees it"
}

new
qcow-io -f qcow2 -c 'write -q 65530 10' -c 'write -q -z 1M 1' -c 'write -q -z -u 4M 64k' \
    -c 'write -q -c 5M 64k' -c 'discard -q 6M 128k' image.qcow2
expect "guest requests" <<END
0 131072
1048576 65536
4194304 65536
5242880 65536
6291456 131072
END

new
qcow-io -f qcow2 -c 'read -q 0 8M' -c flush image.qcow2
qcow-img snapshot -c s image.qcow2
qcow-img snapshot -d s image.qcow2
qcow-img check -q image.qcow2
expect "nothing" </dev/null

new -o cluster_size=4k
qcow-img snapshot -c s image.qcow2
qcow-io -f qcow2 -c 'write -q -P 2 1M 4k' -c 'write -q -P 3 3M 64k' -c 'write -q -z 100k 4k' \
    image.qcow2
qcow-img bitmap --clear image.qcow2 b
qcow-img snapshot -a s image.qcow2
expect "a snapshot" <<END
65536 65536
1048576 65536
3145728 65536
END

new
qcow-img snapshot -c s image.qcow2
qcow-img resize -q --shrink image.qcow2 4M
qcow-img bitmap --clear image.qcow2 b
qcow-img snapshot -a s image.qcow2
expect "a larger snapshot" <<END
4194304 4194304
END

new
qcow-img resize -q image.qcow2 10M
expect "growth" <<END
8388608 2097152
END
qcow-img bitmap --clear --disable image.qcow2 b
qcow-io -f qcow2 -c 'write -q 0 1M' image.qcow2
qcow-img resize -q image.qcow2 12M
qcow-img resize -q --shrink image.qcow2 3M
expect "a disabled bitmap" </dev/null

# One that QEMU kept goes on here, and the other way round.
new
qemu-io -f qcow2 -c 'write -q 0 64k' image.qcow2
qcow-io -f qcow2 -c 'write -q 128k 64k' image.qcow2
qemu-io -f qcow2 -c 'write -q 256k 64k' image.qcow2
expect "both" <<END
0 65536
131072 65536
262144 65536
END
