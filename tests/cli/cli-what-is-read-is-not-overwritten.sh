#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# No verb makes its target out of a file that it reads, or that the target would be read from, by whatever
# name, through whatever layer.
set -eu
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

qcow-img create -q -f qcow2 base.q 1M
qcow-io -c 'write -q -P 7 0 64k' base.q
qcow-img create -q -f qcow2 -b base.q -F qcow2 mid.q
qcow-img create -q -f qcow2 -o data_file=data.raw d.q 1M
qcow-io -c 'write -q -P 7 0 64k' d.q
ln base.q hard.q
ln -s base.q soft.q
sha256sum base.q mid.q d.q data.raw >sums
exec 5<base.q

# refused ARGUMENT...: with a sentence, and nothing has changed.
refused() {
    local status=0
    timeout 60 qcow-img "$@" >out 2>&1 || status=$?
    [ "$status" = 1 ] || fail "$*: status $status, $(head -c 300 out)"
    grep -qE 'same filename as the backing|is read from this file|of .* itself|is the image itself|lock|none is recorded' out ||
        fail "$*: $(head -c 300 out)"
    sha256sum --quiet -c sums || fail "$*: a file that is read was changed"
    [ ! -e out.q ] || fail "$*: left a target"
}

json() { # FILE: one that is raw
    printf 'json:{"driver":"raw","file":{"driver":"file","filename":"%s"}}' "$1"
}
inside() { # FILE: the disk of a qcow2 image, as a raw image
    printf 'json:{"driver":"raw","file":{"driver":"qcow2","file":{"driver":"file","filename":"%s"}}}' "$1"
}
part() { # FILE: a part of that disk
    printf 'json:{"driver":"raw","offset":0,"size":65536,"file":{"driver":"qcow2","file.filename":"%s"}}' "$1"
}

for target in base.q ./base.q file:base.q hard.q soft.q "$PWD/base.q" /proc/self/fd/5; do
    for backing in base.q "$(json base.q)" "$(inside base.q)" "$(part hard.q)" "$(inside mid.q)"; do
        # a name in a folder is looked for there
        [[ $target == */* && $backing != json:* ]] && backing=$PWD/$backing
        refused create -q -f qcow2 -F raw -b "$backing" "$target"
        [[ $backing == *mid.q* ]] || refused create -q -f qcow2 -u -F raw -b "$backing" "$target" 1M
    done
    [[ $target == *base.q && $target != /* ]] && refused create -q -f qcow2 -F qcow2 -b mid.q "$target"
    for source in base.q mid.q "$(json base.q)" "$(inside base.q)" "$(inside mid.q)" "$(part mid.q)"; do
        refused convert -U -O raw "$source" "$target"
        refused convert -U -O qcow2 "$source" "$target"
        refused convert -U -n -O qcow2 "$source" "$target"
    done
    refused dd -U -f qcow2 -O raw if=mid.q of="$target"
done

# Data files are emptied, too, and read.
refused create -q -f qcow2 -o data_file=base.q -b base.q -F qcow2 out.q
refused create -q -f qcow2 -o data_file=hard.q -b mid.q -F qcow2 out.q
refused create -q -f qcow2 -F qcow2 -b d.q data.raw
refused convert -U -O qcow2 -o data_file=base.q mid.q out.q
refused convert -U -O raw d.q data.raw
refused convert -U -O raw "$(inside d.q)" data.raw
refused convert -U -n -O qcow2 -f raw data.raw d.q
refused dd -U -f qcow2 -O raw if=d.q of=data.raw

# The data file by every name: what its image records, a description, a link, from another folder, and
# found in the working directory because it is not beside the image.
mkdir dir away
(cd dir && qcow-img create -q -f qcow2 -o data_file=in.raw in.q 1M)
qcow-img create -q -f qcow2 -o data_file=here.raw dir/fallback.q 1M
for image in dir/in.q dir/fallback.q; do
    qcow-io -c 'write -q -P 7 0 64k' $image
done
qcow-img create -q -f qcow2 -b "$PWD/dir/in.q" -F qcow2 dir/over.q
ln dir/in.raw hard.raw
ln -s dir/in.raw soft.raw
sha256sum dir/* here.raw >>sums
keys() { # IMAGE DATA-FILE
    printf 'json:{"driver":"qcow2","file.filename":"%s","data-file":{"driver":"file","filename":"%s"}}' "$1" "$2"
}
offset() { # FILE
    printf 'json:{"driver":"raw","offset":65536,"file.filename":"%s"}' "$1"
}

for data in ./dir/in.raw hard.raw soft.raw "$PWD/dir/in.raw"; do
    refused create -q -f qcow2 -b "$PWD/dir/in.q" -F qcow2 "$data"
    refused create -q -f qcow2 -b dir/over.q -F qcow2 -o data_file="$data" out.q
    refused convert -U -O raw dir/over.q "$data"
    refused convert -U -n -O qcow2 -f raw "$data" dir/in.q
    refused convert -U -n -O qcow2 "$(offset "$data")" "$(keys d.q dir/in.raw)"
    refused dd -U -f qcow2 -O raw if=dir/in.q of="$data"
done
for source in dir/in.q "$(keys dir/in.q soft.raw)"; do
    refused convert -U -O qcow2 -o data_file=hard.raw "$source" out.q
    refused convert -U -n -O raw "$source" hard.raw
done
refused convert -O qcow2 -B dir/over.q -F qcow2 -o data_file=hard.raw base.q out.q
refused create -q -f qcow2 -b "$PWD/dir/fallback.q" -F qcow2 ./here.raw
refused create -q -f qcow2 -b dir/fallback.q -F qcow2 -o data_file=here.raw out.q
refused convert -U -O raw dir/fallback.q "$PWD/here.raw"
refused convert -U -n -O qcow2 "$(offset here.raw)" dir/fallback.q
refused dd -U -f qcow2 -O raw if=dir/fallback.q of=here.raw
cd away
sed 's|  |  ../|' ../sums >sums
for data in ../dir/in.raw ../soft.raw; do
    refused create -q -f qcow2 -b "$work/dir/in.q" -F qcow2 "$data"
    refused convert -U -n -O qcow2 -f raw "$data" ../dir/in.q
    refused dd -U -f qcow2 -O raw if=../dir/in.q of="$data"
done
cd "$work"

# "file:" is no part of the name that an image records, though QEMU takes it for one.
qemu-img create -q -f qcow2 -o data_file=plain.raw prefixed.q 1M
mkdir beside
(cd beside && qemu-img create -q -f qcow2 -o data_file=beside.raw prefixed.q 1M)
qcow-io -c 'write -q -P 7 0 64k' prefixed.q
qcow-io -c 'write -q -P 7 0 64k' beside/prefixed.q
qemu-img amend -q -f qcow2 -o data_file=file:plain.raw prefixed.q
(cd beside && qemu-img amend -q -f qcow2 -o data_file=file:beside.raw prefixed.q)
sha256sum prefixed.q plain.raw beside/* >>sums
for pair in prefixed.q:plain.raw beside/prefixed.q:beside/beside.raw; do
    image=${pair%:*} data=${pair#*:}
    qcow-img info $image | grep -q 'data file: file:' || fail "$image records the plain name"
    qcow-io -r -c 'read -P 7 0 64k' $image >out || fail "$image: $(cat out)"
    refused create -q -f qcow2 -b "$PWD/$image" -F qcow2 $data
    refused create -q -f qcow2 -o data_file=$data -b $image -F qcow2 out.q
    refused convert -O qcow2 -B "$PWD/$image" -F qcow2 base.q $data
    refused convert -O qcow2 -o data_file=file:$data -B $image -F qcow2 base.q out.q
    refused convert -U -O raw $image $data
    refused convert -U -n -O qcow2 -f raw $data $image
    refused dd -U -f qcow2 -O raw if=$image of=$data
done

# Two files of the name that the image records: either may be meant.
echo other >in.raw
sha256sum in.raw >>sums
for data in in.raw dir/in.raw; do
    refused create -q -f qcow2 -b dir/in.q -F qcow2 -o data_file=$data out.q
    refused create -q -f qcow2 -b "$PWD/dir/over.q" -F qcow2 $data
    refused create -q -f qcow2 -b dir/over.q -F qcow2 -o data_file=$data out.q
    refused convert -O qcow2 -B dir/in.q -F qcow2 -o data_file=$data base.q out.q
done
rm in.raw
sed -i '/  in.raw$/d' sums

# An image is not its own backing file.
for how in '' -U -u; do
    refused rebase $how -F qcow2 -b base.q base.q
    refused rebase $how -F raw -b "$(json base.q)" base.q
    refused rebase $how -F qcow2 -b hard.q soft.q
    [ "$how" = -u ] && continue
    refused rebase $how -F qcow2 -b mid.q base.q
    refused rebase $how -F raw -b "$(inside mid.q)" base.q
    refused rebase $how -F raw -b data.raw d.q
done

# What is read by nobody is written.
cp base.q other.q
qcow-img create -q -f qcow2 -F qcow2 -b mid.q other.q
qcow-img convert -O qcow2 "$(inside mid.q)" other.q
qcow-img compare -q mid.q other.q
qcow-img rebase -F qcow2 -b base.q other.q

# Parts of a file that lie side by side are no part of each other.
head -c 3M /dev/zero >disk.raw
qcow-img create -q -f qcow2 over.q 1M
dd if=over.q of=disk.raw bs=1M seek=1 conv=notrunc status=none
for size in 1M 1052672; do
    [ $size = 1M ] && expected=0 || expected=1
    status=0
    qcow-img convert -U -n --image-opts --target-image-opts driver=raw,size=$size,file.filename=disk.raw \
        driver=qcow2,file.driver=raw,file.offset=1M,file.file.filename=disk.raw >out 2>&1 || status=$?
    [ $status = $expected ] || fail "a part of $size beside the image: $status, $(cat out)"
    [ $size = 1M ] || grep -qF 'is read from this file' out || fail "a part of $size: $(cat out)"
done
