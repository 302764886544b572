# SPDX-License-Identifier: BSD-3-Clause
# Committing says and does what qemu-img says and does.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both qemu-img create -f raw b.raw 1M
both qemu-img create -f qcow2 -b b.raw -F raw m.qcow2
both qemu-io -c 'write -P 7 900k 20k' m.qcow2
both qemu-img create -f qcow2 -b m.qcow2 -F qcow2 o.qcow2 2M

# refill: the overlay holds something again.
refill() {
    both qemu-io -c 'write -P 3 0 64k' -c 'write -P 4 1536k 64k' -c 'write -z 256k 64k' \
        -c 'write -P 5 1020k 8k' o.qcow2
}

# committed FILES...: they hold the same in both folders.
committed() {
    local file

    for file; do
        qemu-img compare -q "theirs/$file" "ours/$file"
    done
    [ "$(stat -c %s theirs/o.qcow2)" = "$(stat -c %s ours/o.qcow2)" ] || {
        echo "DIFFERENT: the length of o.qcow2"
        differences=$((differences + 1))
    }
    qemu-img check -q ours/o.qcow2
    qemu-img check -q ours/m.qcow2
}

refill
same commit
same commit o.qcow2 x
same commit nothere
same commit -f raw b.raw
same commit -b nothere o.qcow2
same commit -b o.qcow2 o.qcow2
same commit -t bogus o.qcow2
same commit -r bogus o.qcow2
same commit -r -1 o.qcow2
same commit -f bogus o.qcow2
same commit -U o.qcow2
same commit --bogus
same info o.qcow2

same commit -d o.qcow2
committed o.qcow2 m.qcow2
same commit o.qcow2
committed o.qcow2 m.qcow2
same info o.qcow2
same check o.qcow2
for options in "-r 0" "-r 10M" "-q -p" "-b ./m.qcow2" "-b b.raw" "-d -b b.raw" "-t none"; do
    refill
    # shellcheck disable=SC2086
    same commit $options o.qcow2
    committed o.qcow2 b.raw
done
same commit --image-opts driver=qcow2,file.filename=o.qcow2
same commit m.qcow2
same info m.qcow2
committed o.qcow2 m.qcow2 b.raw
finish
