#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Volumes and images with each cipher, mode, IV generator and hash: what one program makes and writes,
# the other reads, changes, and checks.
set -eu
. "$abs_top_srcdir/tests/interop/encryption-common.sh"

# Where the disks differ: unaligned, across clusters, a hole between.
exchange() {
    local format=$1 file=$2
    our_io "$format" "$file" 'write -P 1 0 200k' 'write -P 2 300001 70003' 'read -P 1 1 1000'
    qemus_io "$format" "$file" 'read -P 1 0 200k' 'read -P 2 300001 70003' 'write -P 3 100k 512' \
        'write -P 4 900001 3' 'read -P 1 199k 1k'
    our_io "$format" "$file" 'read -P 1 0 100k' 'read -P 3 100k 512' 'read -P 1 102912 101888' \
        'read -P 2 300001 70003' 'read -P 4 900001 3' 'write -P 5 900002 1'
    qemus_io "$format" "$file" 'read -P 4 900001 1' 'read -P 5 900002 1' 'read -P 4 900003 1'
    if [[ $format == qcow2 ]]; then
        our_io "$format" "$file" 'read -P 0 200k 95201' 'read -P 0 900004 1000'
        qemu_checks "$file"
    fi
}

# Neither program opens it with another password, and ours says so.
refuses_wrong_password() {
    local said
    if said=$(qcow-io "${wrong[@]}" --image-opts -c 'read 0 512' "$(keys "$1" "$2")" 2>&1); then
        fail "$2 opens with a wrong password"
    fi
    [[ $said == *'Invalid password, cannot unlock any keyslot'* ]] || fail "instead: $said"
}

# Who makes it, format, options: each value of an option at least once.  QEMU takes long to make one.
while read -r maker format luks_options; do
    rm -f image
    creation=$(options "$format" "$luks_options,$quick")
    if [[ $maker == ours ]]; then
        qcow-img create -q "${secret[@]}" -f "$format" -o "$creation" image 2M
    else
        qemu_makes create -q "${secret[@]}" -f "$format" -o "$creation" image 2M
    fi
    [[ $(qemu-img info image) == "$(qcow-img info image)" ]] ||
        fail "other facts: $format $luks_options"
    exchange "$format" image
    refuses_wrong_password "$format" image
done << 'END'
ours luks cipher-alg=aes-256,cipher-mode=xts
qemus luks cipher-alg=aes-128,cipher-mode=xts,ivgen-alg=plain,hash-alg=sha1
ours luks cipher-alg=aes-192,cipher-mode=xts,hash-alg=sha224
ours luks cipher-alg=aes-256,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256,hash-alg=sha384
qemus luks cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=plain64,hash-alg=sha512
ours luks cipher-alg=aes-256,cipher-mode=ecb,hash-alg=md5
ours luks cipher-alg=aes-128,cipher-mode=ctr,hash-alg=ripemd160
qemus qcow2 cipher-alg=aes-256,cipher-mode=xts
ours qcow2 cipher-alg=aes-192,cipher-mode=xts,ivgen-alg=essiv,hash-alg=ripemd160
ours qcow2 cipher-alg=aes-128,cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=md5,hash-alg=sha512
ours qcow2 cipher-alg=aes-256,cipher-mode=ctr,ivgen-alg=plain,hash-alg=sha1
END
