#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Encrypted images: info, map, create, convert and the rest say what qemu-img says, with the right
# password, with a wrong one and without.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

printf 'open sesame' | both_get password
printf 'open barley' | both_get wrong
secret='--object secret,id=pw,file=password --object secret,id=wrong,file=wrong'

# QEMU cannot always tell the time that it has spent on iterations: then it fails, and is asked again.
make() {
    local file
    for file; do :; done
    for _ in $(seq 50); do
        # shellcheck disable=SC2086
        if (cd theirs && qemu-img create -q $secret "$@" 8M) 2> said; then
            cp "theirs/$file" "ours/$file"
            return
        fi
        grep -q 'accurate CPU usage' said || break
    done
    cat said
    exit 1
}

make -f luks -o key-secret=pw,iter-time=10,cipher-mode=cbc,ivgen-alg=essiv v.luks
make -f qcow2 -o encrypt.format=luks,encrypt.key-secret=pw,encrypt.iter-time=10 i.qcow2
make -f qcow2 -o compat=0.10,encrypt.format=aes,encrypt.key-secret=pw a.qcow2
both qemu-img create -f qcow2 -b i.qcow2 -F qcow2 o.qcow2

for image in v.luks i.qcow2 a.qcow2 o.qcow2; do
    same info $image
    same info --output=json $image
done
same info --backing-chain o.qcow2

same_io $secret --image-opts -c 'write -P 1 0 100k' -c 'read -P 1 99k 1k' \
    driver=luks,file.filename=v.luks,key-secret=pw
same_io $secret --image-opts -c 'write -P 1 64k 100k' -c 'read -P 1 99k 1k' -c 'discard 64k 64k' \
    driver=qcow2,file.filename=i.qcow2,encrypt.key-secret=pw
for keys in driver=luks,file.filename=v.luks driver=luks,file.filename=v.luks,key-secret=none \
    driver=luks,file.filename=v.luks,key-secret=wrong driver=luks,file.filename=v.luks,key-secret=pw \
    file.filename=i.qcow2,encrypt.key-secret=pw \
    driver=qcow2,file.filename=i.qcow2,encrypt.key-secret=wrong \
    driver=qcow2,file.filename=i.qcow2,encrypt.key-secret=pw,encrypt.format=aes \
    driver=qcow2,file.filename=a.qcow2,encrypt.key-secret=pw,encrypt.format=luks \
    driver=qcow2,file.filename=o.qcow2,encrypt.key-secret=pw,encrypt.format=luks \
    driver=qcow2,file.filename=o.qcow2,backing.encrypt.key-secret=pw; do
    same map $secret --output=json --image-opts $keys
done
same map v.luks
same map i.qcow2
same resize v.luks 9M
same snapshot -c one i.qcow2
same resize -q $secret --image-opts driver=luks,file.filename=v.luks,key-secret=pw 9M
same resize -q $secret --shrink --image-opts driver=luks,file.filename=v.luks,key-secret=pw 1000000
same info v.luks
same check $secret --image-opts driver=luks,file.filename=v.luks,key-secret=pw

same create -f luks -o help
same create -f luks -o help x
same create -f luks new 1M
same create -f luks -o key-secret=none new 1M
same create -f luks $secret -b i.qcow2 -F qcow2 -o key-secret=pw new
same create -f luks $secret -F qcow2 -o key-secret=pw new 1M
for option in cipher-alg cipher-mode ivgen-alg ivgen-hash-alg hash-alg preallocation bogus; do
    same create $secret -f luks -o key-secret=pw,$option=bogus new 1M
    [ $option = preallocation ] && continue
    same create $secret -f qcow2 -o encrypt.format=luks,encrypt.key-secret=pw,encrypt.$option=bogus \
        new 1M
done
same create $secret -f luks -o key-secret=pw,iter-time=bogus new 1M
for options in encrypt.format=luks encrypt.format=bogus encrypt.key-secret=pw \
    encrypt.format=luks,encrypt.key-secret=none encrypt.cipher-alg=aes-128 encryption=maybe; do
    same create $secret -f qcow2 -o $options new 1M
done
both qemu-img create -f raw r.raw 1M
same convert -O luks r.raw new
same convert -O luks -c $secret -o key-secret=pw r.raw new
same convert -O luks -o key-secret=none r.raw new
same convert -c -O qcow2 $secret -o encrypt.format=luks,encrypt.key-secret=pw r.raw new
same measure $secret -O luks --size 1G -o key-secret=none
finish
