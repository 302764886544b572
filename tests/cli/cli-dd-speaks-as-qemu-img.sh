# SPDX-License-Identifier: BSD-3-Clause
# dd: the same words, statuses and files.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

head -c 10240 /dev/urandom | both_get d.raw
both truncate -s 3M zero.raw
both qemu-img create -f qcow2 base.qcow2 10M
both qemu-io -c 'write -P 1 1M 1M' -c 'write -P 2 9M 1M' base.qcow2
both qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2

# same_file NAME: what was made is the same.
same_file() {
    if ! qemu-img compare -s "theirs/$1" "ours/$1" >compared; then
        echo "DIFFERENT: $1: $(cat compared)"
        differences=$((differences + 1))
    fi
}

for words in bs=1M bs=1000 count=3 "bs=1000 count=3" count=0 count=1000 skip=4 skip=20 skip=100 \
    "bs=2147483647" "bs=1k skip=3" "-O qcow2 bs=1000" "-O raw" "-f raw -O qcow2 skip=1" -U \
    "--object secret,id=s,data=x"; do
    # shellcheck disable=SC2086
    same dd $words if=d.raw of=out
    same_file out
done
same dd if=top.qcow2 of=out bs=64k
same_file out
same dd -O qcow2 if=zero.raw of=out bs=1M
same_file out
same dd --image-opts if=file.filename=top.qcow2 of=out bs=1M
same_file out
same dd if=d.raw if=top.qcow2 of=out
same_file out

for words in "" if=d.raw of=out "if=d.raw of=out foo=1" "if=d.raw of=out bs=0" "if=d.raw of=out bs=-1" \
    "if=d.raw of=out bs=x" "if=d.raw of=out count=x" "if=d.raw of=out count=-1" "if=d.raw of=out skip=x" \
    "if=d.raw of=out bs=3G" "if=nothere of=out" "-O foo if=d.raw of=out" "-f foo if=d.raw of=out" d.raw \
    "if= of=out" "--image-opts -f raw if=file.filename=d.raw of=out" "-n if=d.raw of=out" \
    "if=d.raw of=nofolder/out" "conv=x if=d.raw of=out" "bs if=d.raw of=out" \
    "-f qcow2 if=d.raw of=out"; do
    # shellcheck disable=SC2086
    same dd $words
done

# qemu-img takes the skipped blocks from the count, which its manual does not say
(cd ours && qcow-img dd if=d.raw of=out bs=1k skip=2 count=5)
cmp <(tail -c +2049 ours/d.raw | head -c 5120) ours/out

# qemu-img destroys what it should read
if (cd ours && qcow-img dd if=top.qcow2 of=base.qcow2 2>refused); then
    echo "the image that was read was overwritten"
    exit 1
fi
cmp theirs/base.qcow2 ours/base.qcow2
finish
