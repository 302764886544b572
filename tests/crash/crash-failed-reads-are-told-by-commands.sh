#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every command that reads, with a read of a file failing once: it says so in one sentence and ends with a
# status that is no answer, or its answer is what it is without the fault.  No file has changed, and no
# half-made target is left.
#
# A row: a name; the statuses that are no answer; the file that the command makes, if any; the command.
# CRASH_ROWS (a,b) names some rows only; CRASH_STEP=1 tries every read, not every third.
set -eu
. "$(dirname "$0")/images.sh"

command -v nbdcopy >/dev/null && command -v nbdinfo >/dev/null || {
    echo "skipped: nbdcopy or nbdinfo is not installed"
    exit 77
}

rows=$(
    cat <<'ROWS'
info|1||qcow-img info -f qcow2 disk.qcow2
info-json|1||qcow-img info --output=json bits.qcow2
info-chain|1||qcow-img info --backing-chain overlay.qcow2
info-encrypted|1||qcow-img info -f qcow2 luks.qcow2
info-volume|1||qcow-img info volume.luks
info-raw|1||qcow-img info bottom.raw
info-old|1||qcow-img info old.qcow
info-untrusted|1||qcow-img info --untrusted bits.qcow2
check|1||qcow-img check -f qcow2 disk.qcow2
check-json|1||qcow-img check --output=json bits.qcow2
check-leaky|1||qcow-img check leaky.qcow2
check-damaged|1||qcow-img check damaged.qcow2
check-extended|1||qcow-img check damaged-extended.qcow2
check-encrypted|1||qcow-img check -f qcow2 luks.qcow2
check-untrusted|1||qcow-img check --untrusted disk.qcow2
snapshots|1||qcow-img snapshot -l disk.qcow2
snapshots-json|1||qcow-img snapshot -l --output=json disk.qcow2
map|1||qcow-img map -f qcow2 overlay.qcow2
map-json|1||qcow-img map --output=json disk.qcow2
map-extended|1||qcow-img map --output=json extended.qcow2
map-data-file|1||qcow-img map --output=json outside.qcow2
map-old|1||qcow-img map --output=json old.qcow
map-encrypted|1||qcow-img map --output=json $keys $luks
map-bitmap|1||qcow-img map --bitmap=first bits.qcow2
map-bitmap-json|1||qcow-img map --bitmap=first --output=json bits.qcow2
compare|2 3 4||qcow-img compare disk.qcow2 disk.raw
compare-chain|2 3 4||qcow-img compare -s overlay.qcow2 same-overlay.qcow2
compare-different|2 3 4||qcow-img compare overlay.qcow2 disk.qcow2
compare-encrypted|2 3 4||qcow-img compare $keys --image-opts driver=qcow2,file.filename=plain.qcow2 driver=qcow2,encrypt.key-secret=first,file.filename=luks.qcow2
measure|1||qcow-img measure -O qcow2 disk.qcow2
measure-chain|1||qcow-img measure --output=json -O qcow2 overlay.qcow2
measure-snapshot|1||qcow-img measure -l first -O raw disk.qcow2
measure-bitmaps|1||qcow-img measure --output=json -O qcow2 bits.qcow2
dd|1|new|qcow-img dd -f qcow2 -O raw bs=10k skip=3 count=60 if=disk.qcow2 of=new
dd-chain|1|new|qcow-img dd -O qcow2 bs=64k if=overlay.qcow2 of=new
convert|1|new|qcow-img convert -O raw disk.qcow2 new
convert-chain|1|new|qcow-img convert -O raw overlay.qcow2 new
convert-extended|1|new|qcow-img convert -O raw extended.qcow2 new
convert-data-file|1|new|qcow-img convert -O raw outside.qcow2 new
convert-encrypted|1|new|qcow-img convert $keys $luks -O raw new
convert-volume|1|new|qcow-img convert $keys --image-opts driver=luks,key-secret=first,file.filename=volume.luks -O raw new
convert-zstd|1|new|qcow-img convert -c -O qcow2 zstd.qcow2 new
convert-old|1|new|qcow-img convert -O raw old.qcow new
convert-snapshot|1|new|qcow-img convert -l first -O qcow2 disk.qcow2 new
convert-bitmaps|1|new|qcow-img convert --bitmaps -O qcow2 bits.qcow2 new
convert-onto-backing|1|new|qcow-img convert -O qcow2 -B base.qcow2 -F qcow2 overlay.qcow2 new
convert-two|1|new|qcow-img convert -O raw disk.qcow2 bottom.raw new
convert-untrusted|1|new|qcow-img convert --untrusted -O raw disk.qcow2 new
audit|1 2||qcow-img audit disk.qcow2
audit-json|1 2||qcow-img audit --output=json bits.qcow2
audit-chain|1 2||qcow-img audit overlay.qcow2
audit-encrypted|1 2||qcow-img audit luks.qcow2
audit-raw|1 2||qcow-img audit bottom.raw
bench|1||qcow-img bench -q -c 30 -d 3 -s 5000 -S 20000 disk.qcow2
read|1||qcow-io -r -c 'read -q -P 17 0 100k' -c 'read -q -P 20 100k 100k' -c 'read -q -P 19 512k 38k' disk.qcow2
read-vectors|1||qcow-io -r -c 'readv -q -P 30 30k 60k 10k' -c 'read -q -P 0 600k 40k' overlay.qcow2
read-look|1||qcow-io -r -c map -c 'alloc 0 1M' -c length disk.qcow2
served|1|new|nbdkit -r -U - "$QCOW2_PLUGIN" disk.qcow2 --run 'nbdcopy --synchronous "$uri" new'
served-snapshot|1|new|nbdkit -r -U - "$QCOW2_PLUGIN" disk.qcow2 snapshot=first --run 'nbdcopy --synchronous "$uri" new'
served-map|1||nbdkit -r -U - "$QCOW2_PLUGIN" extended.qcow2 --run 'nbdinfo --map "$uri"'
ROWS
)

fail()
{
    echo "FAILED: $name, read $n of $count: $*"
    echo "again: CRASH_STEP=1 CRASH_ROWS=$name $0"
    head -c 2000 "$top/out"
    head -c 2000 "$top/err"
    exit 1
}

# Kinds of images that nobody changes.
make_more_images()
{
    qcow-img convert -O raw disk.qcow2 disk.raw
    qcow-img convert -c -O qcow2 -o compression_type=zstd,cluster_size=4k disk.qcow2 zstd.qcow2
    qemu-img convert -O qcow disk.qcow2 old.qcow
    cp overlay.qcow2 same-overlay.qcow2
    qcow-img convert $keys -O luks -o key-secret=first,iter-time=1 plain.qcow2 volume.luks
}

# run PLAN: sets status and said.
run()
{
    [[ -z $target ]] || rm -f "$target"
    status=0
    eval "LD_PRELOAD='$calls' CALLS=$1 CALLS_COUNT=$top/count $command" >"$top/out" 2>"$top/err" ||
        status=$?
    said=$(<"$top/err")
    runs=$((runs + 1))
}

is_answer()
{
    [[ $status -eq $whole ]] && cmp -s "$top/out" "$top/whole" &&
        { [[ -z $target ]] || cmp -s "$target" "$top/target"; }
}

says_why()
{
    case $name in
    check* | audit* | read*) [[ "$(<"$top/out")$said" == *Input/output\ error* ]] ;;
    served*) [[ -n $said ]] ;; # the client says something, too
    *) [[ $said == qcow-img:\ *Input/output\ error* && $said != *$'\n'* ]] ;;
    esac
}

judge()
{
    ! is_answer || return 0
    [[ " $wrong " == *" $status "* ]] || fail "it ends with $status, and it is no answer"
    says_why || fail "it does not say in one sentence why"
    [[ $name == served* || -z $target || ! -e $target ]] || fail "a target is left"
}

try_row()
{
    run read:0
    read -r count <"$top/count" || fail "nothing is read"
    whole=$status
    mv "$top/out" "$top/whole"
    [[ -z $target ]] || mv "$target" "$top/target"
    for ((n = 1 + number++ % step; n <= count; n += step)); do
        run "read:$n"
        judge
    done
    rm -f new
    diff -r "$top/before" "$top/now" >"$top/out" || fail "a file has changed"
}

make_images
make_more_images
cp -r "$top/before" "$top/now"
cd "$top/now"
runs=0 number=0 step=${CRASH_STEP:-3}
while IFS='|' read -r name wrong target command; do
    [[ ,${CRASH_ROWS:-$name}, == *,$name,* ]] || continue
    n=0 count=0
    try_row
done <<<"$rows"
echo "$runs runs"
