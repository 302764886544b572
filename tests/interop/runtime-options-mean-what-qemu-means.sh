#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Options of an open image: refused in QEMU's words where QEMU refuses them; accepted they change the
# caches, the checks and what is given back to the host, and not a byte of the image.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f qcow2 disk.qcow2 64M
both qemu-img create -f qcow2 -o compat=v2 old.qcow2 64M

# with OPTIONS [FILE]: the same is said, the same image comes out.
with() {
    local file=${2:-disk.qcow2}
    cp "theirs/$file" before
    same_io --image-opts "driver=qcow2,file.filename=$file,$1" -c 'write -P 1 1M 64k' \
        -c 'write -P 2 20M 128k' -c 'discard 1M 64k' -c 'read -P 2 20M 128k'
    cmp "theirs/$file" "ours/$file"
    cp before "theirs/$file"
    cp before "ours/$file"
}

for options in overlap-check=foo overlap-check.template=foo overlap-check=none \
    overlap-check=none,overlap-check.template=all overlap-check=all,overlap-check.template=all \
    overlap-check=all,overlap-check.main-header=maybe overlap-check=all,overlap-check.main-header=off \
    overlap-check.bitmap-directory=on lazy-refcounts=x lazy-refcounts=off \
    cache-size=1M,l2-cache-size=2M cache-size=1M,refcount-cache-size=2M cache-size=1M \
    cache-size=1M,refcount-cache-size=512k,l2-cache-size=512k cache-size=1M,l2-cache-size=512k \
    cache-size=1M,refcount-cache-size=1M cache-size=8M cache-size=0 l2-cache-size=0 \
    refcount-cache-size=0 l2-cache-size=zz l2-cache-entry-size=500 l2-cache-entry-size=256 \
    l2-cache-entry-size=128k l2-cache-entry-size=512 l2-cache-entry-size=4k \
    l2-cache-entry-size=64k,l2-cache-size=64k cache-clean-interval=99999999999 \
    cache-clean-interval=0 cache-clean-interval=5 cache-clean-interval=1k \
    pass-discard-other=x pass-discard-request=on,pass-discard-snapshot=off no-such-option=1; do
    with "$options"
done
with lazy-refcounts=on old.qcow2

# space_after OPTIONS: KiB of the host's that the file takes when each way to free clusters was gone.
space_after() {
    local opts=driver=qcow2,file.filename=space.qcow2$1
    qemu-img create -q -f qcow2 space.qcow2 64M
    qcow-io --image-opts "$opts" -c 'write -P 1 0 8M' -c 'write -c -P 2 8M 4M' > /dev/null
    qcow-img snapshot --image-opts -c a "$opts"
    qcow-io --image-opts "$opts" -c 'write -P 3 0 8M' > /dev/null
    qcow-img snapshot --image-opts -d a "$opts"                # frees 8 MiB
    qcow-io --image-opts "$opts" -c 'discard 4M 4M' > /dev/null # frees 4 MiB
    qemu-img check -q space.qcow2
    du -k space.qcow2 | cut -f1
}

most=$(space_after ,discard=ignore)
none=$(space_after ,discard=unmap,pass-discard-request=off,pass-discard-snapshot=off)
request=$(space_after ,discard=unmap,pass-discard-request=on,pass-discard-snapshot=off)
standard=$(space_after ,discard=unmap)
((none >= most - 64)) || { echo "nothing is passed: $none KiB, with discard=ignore $most"; exit 1; }
((request < none - 3500 && request > none - 5000)) || { echo "requests: $request of $none KiB"; exit 1; }
((standard < request - 7000)) || { echo "snapshots too: $standard of $request KiB"; exit 1; }
finish
