# SPDX-License-Identifier: BSD-3-Clause
# commands.sh - every command that writes, with one call gone wrong, and what must be true afterwards
#
# A row: a name; what the image must show; the image; the command.  What it must show:
#
#   same     what it showed before (the guest never sees a difference)
#   either   what it showed before, or what it shows after the whole command
#   any      something: its sectors are old or new, which the simulation looks at
#   new      there was no image: if a change of a file fails there is none, and the command may be given
#            again
#   repair   the same, but the image was damaged: one more repair must make it clean
#
# In each case an image that was there opens for writing again without further ado, and its check finds
# nothing but leaks.  A command that says it succeeded has done what it does without the fault.

. "$(dirname "${BASH_SOURCE[0]}")/images.sh"

seed=${CRASH_SEED:-1}
RANDOM=$((seed % 32768))
runs=${CRASH_RUNS:-1} # of each row and kind of fault
done_runs=0
qemu_every=6

rows=$(
    cat <<'ROWS'
write|any|disk.qcow2|qcow-io -f qcow2 -c 'write -P 1 100k 300k' -c flush -c 'write -z 64k 64k' -c 'discard 512k 128k' -c flush -c 'write -P 3 700k 9k' disk.qcow2
write-small|any|small.qcow2|qcow-io -f qcow2 -c 'write -P 1 10k 90k' -c flush -c 'write -zu 4k 64k' -c flush -c 'write -P 3 200k 9k' small.qcow2
write-compressed|any|disk.qcow2|qcow-io -f qcow2 -c 'write -c -P 1 0 192k' -c flush -c 'write -P 2 5k 70k' -c flush disk.qcow2
write-subclusters|any|extended.qcow2|qcow-io -f qcow2 -c 'write -P 1 10k 90k' -c 'write -z 2k 4k' -c flush -c 'discard 32k 64k' extended.qcow2
write-lazy|any|lazy.qcow2|qcow-io -f qcow2 -c 'write -P 1 10k 300k' -c flush -c 'write -P 2 600k 100k' lazy.qcow2
write-data-file|any|outside.qcow2|qcow-io -f qcow2 -c 'write -P 1 10k 300k' -c flush -c 'discard 64k 128k' outside.qcow2
write-bitmap|any|bits.qcow2|qcow-io -f qcow2 -c 'write -P 1 10k 300k' -c flush -c 'write -P 2 600k 100k' bits.qcow2
write-encrypted|any|luks.qcow2|qcow-io $keys -c 'write -P 1 10k 300k' -c flush -c 'write -P 2 600k 100k' $luks
bench|any|disk.qcow2|qcow-img bench -f qcow2 -w -c 40 -d 4 -s 5000 -S 20000 --flush-interval=7 disk.qcow2
served|any|disk.qcow2|nbdkit -U - "$QCOW2_PLUGIN" disk.qcow2 --run 'qemu-img bench -f raw -w -c 60 -d 8 -s 5000 -S 17000 --flush-interval=16 "$uri"'
snapshot-create|same|disk.qcow2|qcow-img snapshot -c second disk.qcow2
snapshot-apply|either|disk.qcow2|qcow-img snapshot -a first disk.qcow2
snapshot-delete|same|disk.qcow2|qcow-img snapshot -d first disk.qcow2
resize-larger|any|small.qcow2|qcow-img resize -q -f qcow2 small.qcow2 60M
resize-full|any|small.qcow2|qcow-img resize -q -f qcow2 --preallocation=full small.qcow2 2M
resize-metadata|any|small.qcow2|qcow-img resize -q -f qcow2 --preallocation=metadata small.qcow2 2M
resize-falloc|any|small.qcow2|qcow-img resize -q -f qcow2 --preallocation=falloc small.qcow2 2M
resize-smaller|any|plain.qcow2|qcow-img resize -q -f qcow2 --shrink plain.qcow2 300k
amend-version|same|plain.qcow2|qcow-img amend -f qcow2 -o compat=v2 plain.qcow2
amend-refcounts|same|small.qcow2|qcow-img amend -f qcow2 -o refcount_bits=64 small.qcow2
amend-lazy|same|plain.qcow2|qcow-img amend -f qcow2 -o lazy_refcounts=on plain.qcow2
amend-add-key|same|luks.qcow2|qcow-img amend $keys -o encrypt.state=active,encrypt.new-secret=new,encrypt.iter-time=1 $luks
amend-erase-key|same|luks.qcow2|qcow-img amend $keys -o encrypt.state=inactive,encrypt.old-secret=second $luks
rebase|same|overlay.qcow2|qcow-img rebase -f qcow2 -b other.qcow2 -F qcow2 overlay.qcow2
rebase-to-nothing|same|overlay.qcow2|qcow-img rebase -f qcow2 -b '' overlay.qcow2
rebase-unsafe|either|overlay.qcow2|qcow-img rebase -f qcow2 -u -b other.qcow2 -F qcow2 overlay.qcow2
commit|same|overlay.qcow2|qcow-img commit -q -f qcow2 -t writeback overlay.qcow2
commit-keeping|same|overlay.qcow2|qcow-img commit -q -f qcow2 -t writeback -d overlay.qcow2
commit-deep|same|overlay.qcow2|qcow-img commit -q -f qcow2 -t writeback -b bottom.raw overlay.qcow2
bitmap-add|same|bits.qcow2|qcow-img bitmap -f qcow2 --add -g 4k bits.qcow2 third
bitmap-remove|same|bits.qcow2|qcow-img bitmap -f qcow2 --remove bits.qcow2 first
bitmap-clear|same|bits.qcow2|qcow-img bitmap -f qcow2 --clear bits.qcow2 first
bitmap-enable|same|bits.qcow2|qcow-img bitmap -f qcow2 --enable bits.qcow2 off
bitmap-disable|same|bits.qcow2|qcow-img bitmap -f qcow2 --disable bits.qcow2 first
bitmap-merge|same|bits.qcow2|qcow-img bitmap -f qcow2 --merge first bits.qcow2 second
bitmap-merge-across|same|bits.qcow2|qcow-img bitmap -f qcow2 --merge first -b more-bits.qcow2 -F qcow2 bits.qcow2 second
repair-leaks|same|leaky.qcow2|qcow-img check -q -f qcow2 -r leaks leaky.qcow2
repair-all|repair|damaged.qcow2|qcow-img check -q -f qcow2 -r all damaged.qcow2
repair-extended|repair|damaged-extended.qcow2|qcow-img check -q -f qcow2 -r all damaged-extended.qcow2
convert-over|any|disk.qcow2|qcow-img convert -n -t writeback -f raw -O qcow2 bottom.raw disk.qcow2
convert-over-extended|any|extended.qcow2|qcow-img convert -n -t writeback -f raw -O qcow2 bottom.raw extended.qcow2
convert|new|new.qcow2|qcow-img convert -t writeback -f raw -O qcow2 bottom.raw new.qcow2
convert-compressed|new|new.qcow2|qcow-img convert -c -t writeback -f raw -O qcow2 bottom.raw new.qcow2
convert-small|new|new.qcow2|qcow-img convert -t writeback -f qcow2 -O qcow2 -o cluster_size=512,refcount_bits=1 disk.qcow2 new.qcow2
convert-raw|new|new.raw|qcow-img convert -t writeback -f qcow2 -O raw disk.qcow2 new.raw
convert-preallocated|new|new.qcow2|qcow-img convert -t writeback -f raw -O qcow2 -o preallocation=full bottom.raw new.qcow2
convert-bitmaps|new|new.qcow2|qcow-img convert --bitmaps -t writeback -f qcow2 -O qcow2 bits.qcow2 new.qcow2
create|new|new.qcow2|qcow-img create -q -f qcow2 -o preallocation=metadata new.qcow2 30M
create-raw|new|new.raw|qcow-img create -q -f raw -o preallocation=full new.raw 1M
create-overlay|new|new.qcow2|qcow-img create -q -f qcow2 -b base.qcow2 -F qcow2 -o cluster_size=512 new.qcow2
dd|new|new.qcow2|qcow-img dd -f raw -O qcow2 bs=64k if=bottom.raw of=new.qcow2
ROWS
)

fail()
{
    echo "FAILED: $*"
    echo "again: CRASH_SEED=$seed CRASH_ROWS=$name CRASH_RUNS=$runs $0"
    head -c 2000 "$top/said" 2>/dev/null || true
    exit 1
}

# ------------------------------------------------------------------------------------------------
# One run

# The words that name the image.
named()
{
    case $image in
    luks*) echo "$keys $luks" ;;
    *) echo "$image" ;;
    esac
}

# What the image shows in that folder; data files are looked for from where one is.
content()
{
    (cd "$top/$1" && qcow-img convert -O raw $(named) "$top/$1.raw") >"$top/said" 2>&1 ||
        fail "$name, $plan: the image of $1 cannot be read"
}

# as FOLDER: does it show the same now?
as()
{
    content "$1"
    content now
    cmp -s "$top/$1.raw" "$top/now.raw"
}

shows_the_same_as()
{
    as "$1" || fail "$name, $plan: it is not as $1"
}

# A clear COPIED flag on a cluster with one reference costs a copy and harms nobody.
harmful()
{
    grep '^ERROR' "$top/said" | grep -v -E 'OFLAG_COPIED .*_entry=[0-9a-f]{1,15} refcount=1$'
}

only_leaks()
{
    local status=0

    qcow-img check -q $(named) >"$top/said" 2>&1 || status=$?
    case $status in
    0 | 3) ;;
    2) ! harmful || fail "$name, $plan: the check objects $1" ;;
    *) fail "$name, $plan: the check ends with $status $1" ;;
    esac
    [[ $((done_runs % qemu_every)) -eq 0 ]] || return 0
    qemu-img check $(named) 2>&1 | head -c 4000 >"$top/said" || true
    ! harmful || fail "$name, $plan: qemu-img check objects $1"
}

look_at_old()
{
    [[ $rule != repair ]] || qcow-img check -q -f qcow2 -r all "$image" >"$top/said" 2>&1 ||
        fail "$name, $plan: a second repair fails"
    case $name in
    *lazy*) ;; # what opens it repairs it
    *) only_leaks "at once" ;;
    esac
    case $rule in
    same | repair) shows_the_same_as before ;;
    either) as before || shows_the_same_as after ;;
    esac
    [[ $status -ne 0 || $rule == repair ]] || shows_the_same_as after
    qcow-io $(named) -c 'write -q -P 99 12k 100k' >"$top/said" 2>&1 ||
        fail "$name, $plan: it does not open for writing"
    only_leaks "after it was written"
}

look_at_new()
{
    case $plan in
    kill:* | memory:* | moment:*) ;;
    *) [[ $status -eq 0 || ! -e $image ]] || fail "$name, $plan: a target was left behind" ;;
    esac
    if [[ $status -ne 0 ]]; then
        bash -c "$command" >"$top/said" 2>&1 || fail "$name, $plan: it cannot be done again"
    fi
    shows_the_same_as after
}

# Sets status, and count, memory and moments if the program came to its end.
run_command()
{
    plan=$1
    rm -rf "${top:?}/now"
    cp -r "$top/before" "$top/now"
    cd "$top/now"
    rm -f "$top/count"
    { bash -c "exec env LD_PRELOAD='$calls' CALLS=$plan CALLS_COUNT=$top/count $command" 2>&1 |
        cat >"$top/said"; } 2>/dev/null || true # cat ends with the last process that can say anything
    status=${PIPESTATUS[0]}
    done_runs=$((done_runs + 1))
}

run_and_look()
{
    run_command "$1"
    [[ $status -lt 128 || $plan == kill:* || $plan == moment:* ]] || fail "$name, $plan: status $status"
    if [[ $rule == new ]]; then
        look_at_new
    else
        look_at_old
    fi
}

# How many calls the command makes, how long it takes, and what it leaves.
run_once_whole()
{
    run_command count
    [[ $status -eq 0 && -s $top/count ]] || fail "$name fails, or changes nothing"
    read -r count memory moments <"$top/count"
    rm -rf "${top:?}/after"
    mv "$top/now" "$top/after"
}

# for_each_row FUNCTION: with name, rule, image, command, count, memory and moments set.
for_each_row()
{
    while IFS='|' read -r name rule image command; do
        [[ ,${CRASH_ROWS:-$name}, == *,$name,* ]] || continue
        run_once_whole
        for ((i = 0; i < runs; i++)); do
            "$1"
        done
    done <<<"$rows"
    echo "$done_runs runs, seed $seed"
}

# below N: from 1 to N.
below()
{
    echo $((1 + (RANDOM * 32768 + RANDOM) % $1))
}

make_images
