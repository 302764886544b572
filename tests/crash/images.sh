# SPDX-License-Identifier: BSD-3-Clause
# images.sh - images to start from, one of each kind, in $top/before; $calls makes calls of programs go wrong

calls=${CALLS_LIBRARY:-$PWD/crash/.libs/calls.so}
[ -r "$calls" ] || {
    echo "$calls is not built: make check builds it, or set CALLS_LIBRARY" >&2
    exit 99
}
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null && command -v nbdkit >/dev/null || {
    echo "skipped: qemu-img, qemu-io or nbdkit is not installed"
    exit 77
}

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

# How encrypted images are named, for commands of both programs.
export keys='--object secret,id=first,data=one --object secret,id=second,data=two --object secret,id=new,data=three'
export luks='--image-opts driver=qcow2,encrypt.key-secret=first,file.filename=luks.qcow2'

fill()
{
    qemu-io -f qcow2 -c 'write -P 17 0 200k' -c 'write -P 18 300k 64k' -c 'write -z 128k 64k' "$1" \
        >/dev/null
}

new_image()
{
    qemu-img create -q -f qcow2 "$@" 1M
}

make_images()
{
    mkdir "$top/before"
    cd "$top/before"
    head -c 1M /dev/urandom >bottom.raw
    dd if=/dev/zero of=bottom.raw bs=64k seek=5 count=4 conv=notrunc status=none
    new_image disk.qcow2
    fill disk.qcow2
    qemu-io -f qcow2 -c 'write -c -P 19 512k 128k' disk.qcow2 >/dev/null
    qemu-img snapshot -c first disk.qcow2
    qemu-io -f qcow2 -c 'write -P 20 100k 100k' -c 'write -P 21 550k 9k' disk.qcow2 >/dev/null
    new_image -o cluster_size=512 small.qcow2
    new_image plain.qcow2
    new_image -o extended_l2=on,cluster_size=32k -b bottom.raw -F raw extended.qcow2
    new_image -o lazy_refcounts=on,cluster_size=4k lazy.qcow2
    new_image -o data_file=outside.data outside.qcow2
    new_image -b bottom.raw -F raw base.qcow2
    new_image -b base.qcow2 -F qcow2 -o cluster_size=4k overlay.qcow2
    new_image other.qcow2
    new_image bits.qcow2
    for image in small plain extended lazy outside base other bits; do
        fill $image.qcow2
    done
    qemu-io -f qcow2 -c 'write -P 30 30k 70k' -c 'write -z 600k 40k' overlay.qcow2 >/dev/null
    qemu-img bitmap --add -g 8k bits.qcow2 first
    qemu-img bitmap --add bits.qcow2 second
    qemu-img bitmap --add --disable bits.qcow2 off
    cp bits.qcow2 more-bits.qcow2
    qemu-io -f qcow2 -c 'write -P 31 300k 300k' bits.qcow2 >/dev/null
    qemu-io -f qcow2 -c 'write -P 31 10k 30k' more-bits.qcow2 >/dev/null
    qcow-img create -q -f qcow2 $keys -o encrypt.format=luks,encrypt.key-secret=first \
        -o encrypt.iter-time=1,cluster_size=4k luks.qcow2 1M
    qcow-img amend $keys -o encrypt.state=active,encrypt.new-secret=second,encrypt.iter-time=1 $luks
    qcow-io $keys -c 'write -q -P 17 0 200k' -c 'write -q -z 128k 64k' $luks
    # 16-bit refcounts, in the third cluster: cluster 40 is counted, cluster 5 is not.
    cp plain.qcow2 leaky.qcow2
    truncate -s 3M leaky.qcow2
    printf '\0\1' | dd of=leaky.qcow2 bs=1 seek=$((2 * 65536 + 80)) conv=notrunc status=none
    cp leaky.qcow2 damaged.qcow2
    printf '\0\0' | dd of=damaged.qcow2 bs=1 seek=$((2 * 65536 + 10)) conv=notrunc status=none
    cp extended.qcow2 damaged-extended.qcow2
    printf '\0\0\0\3' | dd of=damaged-extended.qcow2 bs=1 seek=$((2 * 32768 + 10)) conv=notrunc \
        status=none
}
