# SPDX-License-Identifier: BSD-3-Clause
# bench: the same words and statuses, the same requests.
set -eu
. "$abs_top_srcdir/tests/cli/twins.sh"

both truncate -s 16M r.raw
both qemu-img create -f qcow2 q.qcow2 16M

same bench -c 100 r.raw
for options in "-c 100" "-c 100 -d 4 -s 64k -S 128k -o 4k" "-c 10 -w" "-c 0" "-c 0x10" "-c 3 -S 0" \
    "-c 1 -s 0" "-i threads -c 3" "-i io_uring -c 3" "-i foo" -n "-n -t directsync -c 3" "-t none -c 3" \
    "-t foo" "-q -c 3" "-U -c 3" "-U -w -c 3" "-c 3 -o 17M" "-c 3 -o 16777215" \
    "-w -c 10 -d 8 --flush-interval=40" "-w -c 10 -d 2 --flush-interval=3" \
    "-w -c 10 -d 2 --flush-interval=3 --no-drain" "-w -c 3 -d 1 --flush-interval=1 --no-drain" \
    "-w -c 10 --pattern=5 --flush-interval=4" --flush-interval=4 "-w -d 8 --flush-interval=4" \
    "-w -c 3 --flush-interval=0" "-c x" "-c -1" "-c 4294967296" "-c 1k" "-d x" "-s x" "-s 3G" "-S x" \
    "-S 3G" "-o x" --pattern=256 --pattern=x --flush-interval=x "-w --no-drain -c 3"; do
    # shellcheck disable=SC2086
    same bench $options -f raw r.raw
done
same bench -c 3 -w r.raw
same bench -c 3
same bench -c 3 a b
same bench -c 3 nothere
same bench --image-opts -c 3 file.filename=q.qcow2
same bench -c 100 -s 4k -S 3k -o 1000 -w --pattern=7 -f qcow2 q.qcow2
same compare -s -f qcow2 q.qcow2 -F raw r.raw
cmp theirs/r.raw ours/r.raw
qemu-img compare theirs/q.qcow2 ours/q.qcow2
qemu-img check -q ours/q.qcow2
[ "$(qcow-img bench -d 0 r.raw 2>&1)" = "qcow-img: Invalid queue depth specified" ]
finish
