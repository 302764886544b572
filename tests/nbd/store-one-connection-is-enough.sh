#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A server that leaves after its first client is enough for each verb: a format is found out on the
# connection that is used afterwards.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need qemu-nbd qemu-img qemu-io

# once WORD...: qemu-nbd with these words, for one client; the address is in $socket and $uri.
once() {
    socket=$work/${#servers[@]}.sock
    qemu-nbd --fork --pid-file=once.pid -k "$socket" "$@"
    server=$(cat once.pid)
    servers+=("$server")
    uri="nbd+unix:///?socket=$socket"
}

# gone: wait until the server has left the file.
gone() {
    local try
    for try in {1..100}; do
        kill -0 "$server" 2> /dev/null || return 0
        sleep 0.05
    done
    fail "the server is still there (looked $try times)"
}

# img WORD...: qcow-img must succeed.
img() {
    timeout "$patience" qcow-img "$@" > img.out 2> img.log || fail "qcow-img $*: status $?"
}

# json: the image at $uri, described.
json() {
    echo "json:{\"file\":{\"driver\":\"nbd\",\
\"server\":{\"type\":\"unix\",\"path\":\"$socket\"}}}"
}

cd "$work"
qemu-img create -q -f qcow2 disk.qcow2 8M
qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 3M 1M' disk.qcow2 > write.log
qemu-img convert -O raw disk.qcow2 disk.raw

# a disk, and an image, in the export: by name, by keys
for file in disk.raw disk.qcow2; do
    for verb in info map check measure; do
        [[ $verb != check || $file = *.qcow2 ]] || continue
        words=()
        [[ $verb != measure ]] || words=(-O qcow2)
        once -r -f raw $file
        img $verb ${words[@]+"${words[@]}"} "$uri"
        once -r -f raw $file
        img $verb ${words[@]+"${words[@]}"} "$(json)"
    done
    once -r -f raw $file
    img info --image-opts "file.driver=nbd,file.path=$socket"
    grep -q "file format: ${file#disk.}" img.out || fail "$file is called $(cat img.out)"
    once -r -f raw $file
    img compare "$uri" disk.raw
    once -r -f raw $file
    img convert -O qcow2 "$uri" out.qcow2
    qemu-img compare -q out.qcow2 disk.raw || fail "convert from $file"
done

# the target: an export does not grow
for file in target.raw target.qcow2; do
    format=${file#target.}
    qemu-img create -q -f "$format" $file 8M
    truncate -s ">10M" $file
    once -f raw $file
    img convert -n -O "$format" disk.qcow2 "$uri"
    gone
    qemu-img compare -q -f "$format" $file disk.raw || fail "convert to $file"
    rm $file
    qemu-img create -q -f "$format" $file 8M
    truncate -s ">10M" $file
    once -f raw $file
    img convert -n --target-image-opts disk.qcow2 "file.driver=nbd,file.path=$socket"
    gone
    qemu-img compare -q -f "$format" $file disk.raw || fail "convert to $file, told by keys"
done

# the backing file, whose format is recorded or found out
over() {
    once -r -f raw disk.qcow2
    qcow-img create -q -f qcow2 -u -F qcow2 -b "$uri" over.qcow2 8M
    [[ $1 = recorded ]] || LC_ALL=C sed -i 's/\xe2y[*]\xca/zzzz/' over.qcow2
}
for format in recorded unknown; do
    over $format
    img compare --backing-nbd over.qcow2 disk.raw
    over $format
    img convert --backing-nbd -O qcow2 over.qcow2 out.qcow2
    qemu-img compare -q out.qcow2 disk.raw || fail "convert above a backing file"
    over $format
    img info --backing-nbd --backing-chain over.qcow2
done

# a snapshot, found by what the image says of it
qcow-img snapshot -c one disk.qcow2
qemu-io -c 'write -P 3 0 64k' disk.qcow2 > write.log
for words in one 1 snapshot.name=one snapshot.id=1,snapshot.name=one; do
    once -r -f raw disk.qcow2
    img convert -l $words -O raw "$uri" out.raw
    cmp out.raw disk.raw || fail "convert -l $words"
    once -r -f raw disk.qcow2
    img measure -l $words -O qcow2 "$(json)"
done
once -r -f raw disk.qcow2
if qcow-img convert -l two -O raw "$uri" out.raw 2> img.log; then
    fail "there is another snapshot"
fi
grep -qx "qcow-img: Failed to load snapshot: Can't find snapshot" img.log || fail "$(cat img.log)"
gone

# the backing file of what is made
qemu-io -f raw -c 'write -P 4 1M 64k' disk.raw > write.log
for verb in "create -f qcow2" "convert -O qcow2 disk.raw" "convert -c -O qcow2 disk.raw"; do
    qcow-img convert -O raw -l one disk.qcow2 base.raw
    once -r -f raw base.raw
    # shellcheck disable=SC2086 # words
    img $verb -b "$uri" -F raw made.qcow2
    gone
    qemu-img rebase -u -b base.raw -F raw made.qcow2
    [[ $verb = create* ]] || qemu-img compare -q made.qcow2 disk.raw || fail "$verb"
done
