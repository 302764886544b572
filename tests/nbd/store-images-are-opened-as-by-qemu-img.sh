#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Images on NBD servers: every spelling of a name, every verb, beside qemu-img on the same server.
set -eu
. "$abs_top_srcdir/tests/nbd/common.sh"
need nbdkit qemu-nbd qemu-img

# same PROGRAM-SUFFIX WORD...: qemu-img (or qemu-io) and ours print the same and end the same.
same() {
    local suffix=$1 theirs=0 ours=0
    shift
    "qemu-$suffix" "$@" > "$work/theirs" 2> "$work/theirs.log" || theirs=$?
    "qcow-$suffix" "$@" > "$work/ours" 2> "$work/ours.log" || ours=$?
    [[ $theirs -eq $ours ]] || fail "qcow-$suffix $*: status $ours, qemu-$suffix: $theirs"
    sed -i 's/ [0-9.]* sec (.*)$/ TIME/' "$work/theirs" "$work/ours"
    diff "$work/theirs" "$work/ours" || fail "qcow-$suffix $*: prints something else"
}

# serve_qemu NAME WORD...: the address is in $socket.
serve_qemu() {
    socket=$work/$1.sock
    qemu-nbd --fork --pid-file="$work/$1.pid" -t -k "$socket" "${@:2}"
    servers+=("$(cat "$work/$1.pid")")
}

cd "$work"
qemu-img create -q -f qcow2 disk.qcow2 8M
qemu-io -c 'write -P 1 0 64k' -c 'write -P 2 3M 1M' -c 'write -z 5M 64k' disk.qcow2 > write.log
qemu-img convert -O raw disk.qcow2 disk.raw

serve_qemu raw -r -f raw disk.raw
for name in "nbd:unix:$socket" "nbd+unix:///?socket=$socket" "nbd+unix://?socket=$socket" \
    "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"nbd\",\
\"server\":{\"type\":\"unix\",\"path\":\"$socket\"}}}"; do
    same img info "$name"
    same img info --output=json "$name"
    same img map --output=json "$name"
    same img compare "$name" disk.raw
    same img compare -s disk.qcow2 "$name"
    same io -r -c 'read -P 1 0 64k' -c 'read -P 2 3333333 77' -c 'read -P 0 8388600 8' "$name"
done
for keys in driver=raw,file.driver=nbd,file.server.type=unix,file.server.path="$socket" \
    driver=raw,file.driver=nbd,file.path="$socket" driver=raw,file.driver=nbd \
    driver=raw,file.driver=nbd,file.server.type=unix \
    driver=raw,file.driver=nbd,file.server.path="$socket" \
    driver=raw,file.driver=nbd,file.server.type=foo \
    driver=raw,file.driver=nbd,file.server.type=inet,file.server.host=h \
    driver=raw,file.driver=nbd,file.path="$socket",file.host=h \
    driver=raw,file.driver=nbd,file.path="$socket",file.foo=1 \
    driver=qcow2,file.driver=nbd,file.path="$socket"; do
    same img info --image-opts "$keys"
done
same img check "nbd:unix:$socket"
same img measure -O qcow2 "nbd:unix:$socket"
same img convert -O qcow2 "nbd:unix:$socket" out.qcow2
same img compare -s out.qcow2 disk.raw
same img create -f qcow2 -b "nbd:unix:$socket" -F raw top.qcow2
same img info top.qcow2
same img info nbd:
same img info "nbd:unix:$socket:exportname="
same img info "nbd:unix:$work/nothing"
same img info nbd:localhost
same img info "nbd:unix:$socket:exportname=other"
same io -c 'write 0 512' "nbd:unix:$socket"
same img resize -f raw "nbd:unix:$socket" 16M
# a format within
serve_qemu image -f raw disk.qcow2
same img info "nbd:unix:$socket"
same img check "nbd:unix:$socket"
same img map -f qcow2 "nbd:unix:$socket"
same img snapshot -l "nbd:unix:$socket"
same img convert -O raw "nbd:unix:$socket" out.raw
cmp out.raw disk.raw
for keys in driver=qcow2,file.driver=nbd,file.path="$socket" file.driver=nbd,file.path="$socket"; do
    same img map --image-opts "$keys"
done

# A backing file there whose format is not recorded must prove to be an image.
unrecorded() {
    qcow-img create -q -f qcow2 -u -F qcow2 -b "nbd+unix:///?socket=$socket" over.qcow2 8M
    LC_ALL=C sed -i 's/\xe2y[*]\xca/zzzz/' over.qcow2
}
unrecorded
qcow-img info --backing-chain --backing-nbd --output=json over.qcow2 > info.log
grep -q '"format": "qcow2".*' info.log || fail "$(cat info.log)"
serve_qemu guessed -r -f raw disk.raw
unrecorded
if qcow-img info --backing-chain --backing-nbd over.qcow2 > info.log 2>&1; then
    fail "the format of a raw disk was guessed: $(cat info.log)"
fi
grep -q "its format is not recorded, and it is not in qcow2 or qcow format$" info.log ||
    fail "$(cat info.log)"

# A backing file there is the user's to allow: by an option, or by naming it.
serve base -r file disk.raw
qemu-img create -q -f qcow2 -b "$uri" -F raw top.qcow2
if qcow-img map top.qcow2 > map.log 2>&1; then
    fail "an image had a server asked"
fi
grep -q 'not allowed; --backing-nbd allows it$' map.log || fail "no reason was given"
if QCOW_BACKING_NBD=1 qcow-img map --untrusted top.qcow2 > map.log 2>&1; then
    fail "the environment weakens --untrusted"
fi
if QCOW_BACKING_NBD=0 qcow-img map top.qcow2 > map.log 2>&1; then
    fail "0 allows it"
fi
QCOW_BACKING_NBD=1 qcow-img compare top.qcow2 disk.raw
QCOW_BACKING_NBD=1 qcow-io -r -c 'read -P 2 3M 1M' top.qcow2
qcow-img create -f qcow2 -b "$uri" -F raw new.qcow2 2> create.log
grep -q 'warning: .*opened only with --backing-nbd' create.log || fail "no warning: $(cat create.log)"
QCOW_BACKING_NBD=1 qcow-img create -f qcow2 -b "$uri" -F raw new.qcow2 2> create.log
[[ ! -s create.log ]] || fail "$(cat create.log)"
rm new.qcow2
if qcow-img info --backing-chain top.qcow2 > info.log 2>&1; then
    fail "an image had a server asked"
fi
grep -q 'an image names it, and --backing-nbd was not given$' info.log || fail "$(cat info.log)"
qemu-img map top.qcow2 > theirs
qcow-img map --backing-nbd top.qcow2 > ours
[[ $(wc -l < theirs) -eq $(wc -l < ours) ]]
qcow-img compare --backing-nbd top.qcow2 disk.raw
for name in "nbd:unix:$work/base.sock" "nbd:unix:$work/base.sock:exportname=any"; do
    qcow-img rebase --backing-nbd -b "$name" -F raw top.qcow2
    qcow-img info top.qcow2 | grep -qxF "backing file: $name"
    qcow-img compare --backing-nbd top.qcow2 disk.raw || fail "$name is not opened"
    qcow-img info --backing-chain --backing-nbd top.qcow2 > info.log || fail "$name: no chain"
    if qcow-img map top.qcow2 > map.log 2>&1; then
        fail "an image had a server asked"
    fi
    grep -q 'not allowed; --backing-nbd allows it$' map.log || fail "$(cat map.log)"
done
qcow-img rebase -u -b nbd: -F raw top.qcow2
if qcow-img map --backing-nbd top.qcow2 > map.log 2>&1; then
    fail "there is a server without an address"
fi
grep -q 'lacks the address of an NBD server' map.log || fail "$(cat map.log)"
qcow-img rebase -u -b nbd:127.0.0.1:tcpmux:exportname=disk -F raw top.qcow2
if qcow-img map --backing-nbd top.qcow2 > map.log 2>&1; then
    fail "there is a server of multiplexed services"
fi
grep -q "Failed to connect to '127.0.0.1:1'" map.log || fail "$(cat map.log)"
qcow-img rebase -u -b "$uri" -F raw top.qcow2
qcow-img info --backing-chain --backing-nbd top.qcow2 | grep -q '^disk size: unavailable$'
qcow-img create -q -f qcow2 --backing-nbd -b top.qcow2 -F qcow2 above.qcow2
qcow-img snapshot --backing-nbd -c one above.qcow2
qcow-img amend --backing-nbd -o lazy_refcounts=on above.qcow2
qcow-img bitmap --backing-nbd --add above.qcow2 bitmap
qcow-img resize -q --backing-nbd above.qcow2 16M
qcow-io -r --backing-nbd -c 'read -P 2 3M 1M' top.qcow2
qcow-img compare --image-opts "driver=qcow2,file.filename=top.qcow2,backing.driver=raw,\
backing.file.driver=nbd,backing.file.path=$work/base.sock" driver=raw,file.filename=disk.raw
qemu-img rebase -u -b "json:{\"driver\":\"nbd\",\"path\":\"$work/base.sock\"}" -F raw top.qcow2
if qcow-img map --backing-nbd top.qcow2 > map.log 2>&1; then
    fail "JSON in an image was read"
fi
