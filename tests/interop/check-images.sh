# SPDX-License-Identifier: BSD-3-Clause
# check-images.sh - how tests begin that hold check against qemu-img's: images of every kind that
# qemu-img makes, in a folder of their own, to be damaged
#
# Sets tests (where the programs are that damage and check) and only (the one seed to be tried).  One
# argument or SEED in the environment names it; ROUNDS and FIRST_SEED are for long runs.

case $(qemu-img --version) in
*"version 7.2"*) ;;
*) echo "SKIP: the findings and counts are those of qemu-img 7.2"; exit 77 ;;
esac

tests=${abs_top_builddir:-$PWD/..}/tests/interop
only=${1-${SEED-}}
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"
needs qemu-img qemu-io

io() { # IMAGE COMMAND...
    local image=$1 arguments=()
    shift
    for command; do arguments+=(-c "$command"); done
    qemu-io "${arguments[@]}" "$image" >io.log
}

make_image() { # NAME OPTIONS SIZE [COMMAND...]
    local name=$1.qcow2 options=$2 size=$3
    shift 3
    qemu-img create -q -f qcow2 ${options:+-o "$options"} "$name" "$size"
    [ $# -eq 0 ] || io "$name" "$@"
}

some_writes=("write 0 300k" "write 1M 64k" "write -z 2M 128k" "write 2100k 1k" "write 3M 700k"
    "discard 3200k 128k")

snapshots() { # NAME
    qemu-img snapshot -c one "$1.qcow2"
    io "$1.qcow2" "write 64k 200k" "write 4M 64k"
    qemu-img snapshot -c two "$1.qcow2"
    qemu-img snapshot -c three "$1.qcow2" 2>io.log || true # 2-bit refcounts end at 3
    io "$1.qcow2" "write -z 3M 200k"
}

compressed() { # NAME CLUSTER_SIZE
    qemu-img create -q -f raw raw 2M
    qemu-io -f raw -c "write -P 5 0 1M" -c "write -P 6 1500k 100k" raw >io.log
    qemu-img convert -c -f raw -O qcow2 -o "cluster_size=$2" raw "$1.qcow2"
    io "$1.qcow2" "write 100k 100k"
}

for cluster_size in 512 1k 4k 32k 64k 256k; do
    make_image "clusters-$cluster_size" "cluster_size=$cluster_size" 8M "${some_writes[@]}"
    make_image "snapshots-$cluster_size" "cluster_size=$cluster_size" 8M "${some_writes[@]}"
    snapshots "snapshots-$cluster_size"
    compressed "compressed-$cluster_size" "$cluster_size"
done
make_image clusters-2M cluster_size=2M 64M "write 0 64k" "write 10M 64k"
for bits in 1 2 4 8 16 32 64; do
    make_image "refcount-$bits" "cluster_size=4k,refcount_bits=$bits" 8M "${some_writes[@]}"
done
for bits in 2 4 64; do
    make_image "refcount-snapshots-$bits" "cluster_size=1k,refcount_bits=$bits" 8M \
        "${some_writes[@]}"
    snapshots "refcount-snapshots-$bits"
done
make_image empty "" 0
make_image large "cluster_size=64k" 1T "write 0 64k" "write 900G 64k"
make_image v2 "compat=0.10,cluster_size=4k" 8M "${some_writes[@]}"
snapshots v2
make_image lazy "lazy_refcounts=on" 8M "${some_writes[@]}"
make_image preallocated "cluster_size=16k,preallocation=metadata" 8M
make_image extended "extended_l2=on,cluster_size=16k" 8M "${some_writes[@]}"
make_image extended-snapshots "extended_l2=on,cluster_size=64k" 8M "${some_writes[@]}"
snapshots extended-snapshots
make_image bitmaps "cluster_size=4k" 8M
qemu-img bitmap --add bitmaps.qcow2 a
qemu-img bitmap --add -g 512 bitmaps.qcow2 b
io bitmaps.qcow2 "${some_writes[@]}"
qemu-img bitmap --remove bitmaps.qcow2 a
qemu-img bitmap --add -g 4096 bitmaps.qcow2 c
make_image data-file "data_file=data.raw,cluster_size=4k" 8M "${some_writes[@]}"
# on a busy machine the measuring of the key derivation may fail
for _ in 1 2 3 4 5; do
    qemu-img create -q -f qcow2 --object secret,id=s,data=x -o encrypt.format=luks \
        -o encrypt.key-secret=s,encrypt.iter-time=10,cluster_size=4k luks.qcow2 4M && break
    rm -f luks.qcow2
done

# damaged_images TRY: damage each image in some ways; TRY is called for each with "damaged" and damage.txt,
# with image and seed set.
damaged_images() {
    seed=$first_seed
    for image in *.qcow2; do
        for _ in $(seq "$rounds"); do
            seed=$((seed + 1))
            [ -z "$only" ] || [ "$only" = "$seed" ] || continue
            cp --sparse=always "$image" damaged
            "$tests/damage-image" damaged "$seed" >damage.txt
            "$1"
        done
    done
}

# enough COUNT WHAT: of those that there were to compare.
enough() {
    echo "$1 $2 compared"
    if [ -z "$only" ] && [ "$1" -lt "$((rounds * 20))" ]; then
        echo "FAIL: too few $2 could be compared"
        exit 1
    fi
}
