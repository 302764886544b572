#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# quickstart.sh - from a clean checkout to a running program
#
#   ./quickstart.sh         install what is missing, build in ./build, and lead a real disk through
#                           every program
#   ./quickstart.sh check   install what the tests need, build in ./build-check with warnings as
#                           errors, and run all tests
#
# Nothing is installed when nothing is missing: then it needs no root.
set -euo pipefail
cd "$(dirname "$0")"
source_dir=$PWD
jobs=$(nproc)

# What is needed: how to see that it is there (a command, or pc: and a pkg-config module), and the
# Debian package that brings it.
needed_to_build=(
    'cc                 gcc libc6-dev'
    'make               make'
    'autoreconf         autoconf'
    'automake           automake'
    'libtoolize         libtool'
    'pkg-config         pkg-config'
    'pc:jansson         libjansson-dev'
    'pc:libdeflate      libdeflate-dev'
    'pc:zlib            zlib1g-dev'
    'pc:libzstd         libzstd-dev'
    'pc:libisal         libisal-dev'
    'pc:libcrypto       libssl-dev'
    'pc:libseccomp      libseccomp-dev'
    'pc:libnbd          libnbd-dev'
    'pc:nbdkit          nbdkit-plugin-dev'
    'nbdkit             nbdkit'
)
needed_to_show=(
    'nbdcopy            libnbd-bin'
    'mke2fs             e2fsprogs'
)
needed_to_boot=(
    'busybox            busybox-static'
    'cpio               cpio'
)
needed_to_test=(
    'pc:cmocka          libcmocka-dev'
    'qemu-img           qemu-utils'
    'qemu-system-x86_64 qemu-system-x86'
    'fio                fio'
    'cryptsetup         cryptsetup-bin'
    'xxd                xxd'
    'python3            python3'
    'cppcheck           cppcheck'
)

# ------------------------------------------------------------------------------------------------
# Packages

# Debian keeps mke2fs and debugfs where a user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin

say() {
    printf '\n== %s\n' "$*"
}

# Show a command, as it could be typed in the folder of the disk, and run it.
show() {
    local word line='$'
    for word in "$@"; do
        case $word in
            run) word=../run ;;
            *[!A-Za-z0-9_.,:=/+-]*) word=${word@Q} ;;
        esac
        line+=" $word"
    done
    printf '%s\n' "$line"
    "$@"
}

is_there() {
    case $1 in
        pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# Install what the given rows miss.
install_missing() {
    local row probe packages missing=()
    for row in "$@"; do
        read -r probe packages <<< "$row"
        if ! is_there "$probe"; then
            # shellcheck disable=SC2206 # a row may name several packages
            missing+=($packages)
        fi
    done
    if [[ ${#missing[@]} -eq 0 ]]; then
        return
    fi

    local as_root=()
    if ! command -v apt-get >/dev/null; then
        echo "quickstart.sh: there is no apt-get here. Please install what Debian calls: ${missing[*]}" >&2
        exit 1
    elif [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "quickstart.sh: neither root nor sudo. Please install: ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    say "Installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# ------------------------------------------------------------------------------------------------
# Building

# build DIRECTORY CONFIGURE-OPTION...
build() {
    local build_dir=$1
    shift
    say "Building in ${build_dir#"$source_dir/"}"
    if [[ ! -e configure || configure.ac -nt configure ]]; then
        ./autogen.sh > autogen.log 2>&1 || { cat autogen.log; exit 1; }
    fi
    mkdir -p "$build_dir"
    cd "$build_dir"
    if [[ ! -e config.status ]]; then
        "$source_dir/configure" --quiet "$@"
    fi
    make --quiet -j"$jobs"
    cd "$source_dir"
}

# ------------------------------------------------------------------------------------------------
# The tests

# Name the tests that had one of the given results, from the files that automake's driver leaves.
tests_with_result() {
    find build-check -name '*.trs' -exec grep -lE "^:test-result: ($1)" {} + |
        sed 's/\.trs$//' | sort || true
}

check() {
    install_missing "${needed_to_build[@]}" "${needed_to_show[@]}" "${needed_to_boot[@]}" \
        "${needed_to_test[@]}"
    build "$source_dir/build-check" --enable-gcc-warnings

    say "Running the tests"
    find build-check -name '*.trs' -delete
    local status=0
    make -C build-check --no-print-directory -j"$jobs" -k check || status=$?

    local passed failed skipped log
    passed=$(tests_with_result 'PASS|XFAIL' | wc -l)
    failed=$(tests_with_result 'FAIL|XPASS|ERROR' | wc -l)
    skipped=$(tests_with_result 'SKIP' | wc -l)
    while read -r log; do
        printf 'skipped: %s: %s\n' "$log" "$(grep -v '^SKIP ' "$log.log" | tail -n 1)"
    done < <(tests_with_result 'SKIP')
    while read -r log; do
        say "failed: $log; the end of its output:"
        tail -n 40 "$log.log"
    done < <(tests_with_result 'FAIL|XPASS|ERROR')
    if [[ $status -ne 0 && $failed -eq 0 ]]; then
        echo "make check failed before every test had a result" >&2
        failed=1
    fi
    echo
    echo "$passed passed, $failed failed, $skipped skipped"
    [[ $failed -eq 0 && $passed -gt 0 ]]
}

# ------------------------------------------------------------------------------------------------
# The disk

# Copy up to $2 bytes of this machine's files into the directory $1.
gather_files() {
    find /usr/share /usr/lib -xdev -type f -readable -size -4M -printf '%s %p\n' 2>/dev/null |
        awk -v budget="$2" '{ budget -= $1 } budget < 0 { exit } { sub(/^[0-9]+ /, ""); print }' \
            > "$1.list" || true
    mkdir -p "$1"
    tar -C / -c --ignore-failed-read --files-from="$1.list" 2>/dev/null | tar -C "$1" -x --no-same-owner
}

# Why no guest can boot here, or nothing.
why_no_guest() {
    if [[ ! -x $source_dir/build/vmm-glue/qcow-vmm ]]; then
        echo "qcow-vmm is not built on this kind of machine"
    elif [[ ! -e /dev/kvm ]]; then
        echo "this machine has no /dev/kvm"
    elif [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
        echo "this user may not use /dev/kvm"
    elif ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
        echo "this machine's /dev/kvm has no hardware virtualization behind it and cannot run Linux"
    elif ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        echo "the guest's kernel comes from a Debian package and there is no apt-get here"
    fi
}

# Make initrd.gz: busybox, the virtio drivers in the folder $1, and an init that leaves a trace on
# the disk.
# shellcheck disable=SC2016 # the guest expands what is in single quotes
make_initrd() {
    local module
    mkdir -p initrd/bin initrd/dev initrd/proc initrd/disk
    cp "$(command -v busybox)" initrd/bin/busybox
    {
        echo '#!/bin/busybox sh'
        echo 'export PATH=/bin'
        echo '/bin/busybox --install /bin'
        echo 'mount -t devtmpfs none /dev; mount -t proc none /proc'
        for module in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci \
            virtio_blk; do
            cp "$1/$module.ko" initrd/
            echo "insmod /$module.ko"
        done
        echo 'mount -t ext4 /dev/vda /disk'
        echo 'echo "guest: Linux $(uname -r) sees $(find /disk -type f | wc -l) files on /dev/vda"'
        echo 'echo "written by Linux $(uname -r)" > /disk/from-the-guest'
        echo 'umount /disk; poweroff -f'
    } > initrd/init
    chmod +x initrd/init
    (cd initrd && find . | cpio --quiet -o -H newc | gzip -1) > initrd.gz
}

boot_a_guest() {
    local reason kernel
    reason=$(why_no_guest)
    if [[ -n $reason ]]; then
        say "Not booting a guest: $reason"
        return
    fi
    install_missing "${needed_to_boot[@]}"
    if ! kernel=$(LAB_CACHE=$source_dir/build/kernel "$source_dir/tests/vmm/lab.sh" kernel); then
        say "Not booting a guest: Debian's cloud kernel could not be fetched"
        return
    fi
    make_initrd "$kernel"
    say "Booting Debian's kernel from the overlay; it writes a file and powers off"
    show run qcow-vmm -kernel "$kernel/vmlinuz" -initrd initrd.gz \
        -append 'console=ttyS0 quiet' -m 512M -smp 2 --disk overlay.qcow2
    show run qcow-img convert -O raw overlay.qcow2 after.raw
    show debugfs -R 'cat /from-the-guest' after.raw
}

run() {
    "$source_dir/build/run" "$@"
}

main_job() {
    install_missing "${needed_to_build[@]}" "${needed_to_show[@]}"
    build "$source_dir/build" --disable-tests

    local work=$source_dir/build/quickstart
    rm -rf "$work"
    mkdir -p "$work"
    cd "$work"

    say "An ext4 disk of 512 MiB, filled from this machine's files"
    gather_files tree $((200 << 20))
    show mke2fs -q -t ext4 -L quickstart -d tree disk.raw 512M

    say "The same disk as qcow2"
    show run qcow-img convert -p -f raw -O qcow2 disk.raw base.qcow2
    show run qcow-img info base.qcow2
    show run qcow-img check base.qcow2
    show run qcow-img map base.qcow2 | sed -n 1,6p
    show run qcow-img compare disk.raw base.qcow2

    say "An overlay that holds only what changes, and a snapshot of it"
    show run qcow-img create -f qcow2 -b base.qcow2 -F qcow2 overlay.qcow2
    show run qcow-img snapshot -c before overlay.qcow2
    show run qcow-img snapshot -l overlay.qcow2

    say "Changing 8 MiB: now overlay and base differ"
    show run qcow-io -c 'write -P 0x5a 64M 8M' -c flush overlay.qcow2
    if show run qcow-img compare base.qcow2 overlay.qcow2; then
        echo "quickstart.sh: the write left no trace" >&2
        exit 1
    fi

    say "Going back to the snapshot: equal again"
    show run qcow-img snapshot -a before overlay.qcow2
    show run qcow-img compare base.qcow2 overlay.qcow2

    say "Serving the overlay over NBD, copying it back with libnbd, comparing with the first disk"
    # shellcheck disable=SC2016 # nbdkit sets $uri
    show run nbdkit -r -U - qcow2 file=overlay.qcow2 backing=allow --run 'nbdinfo "$uri" && nbdcopy "$uri" copy.raw'
    show cmp disk.raw copy.raw && echo "equal"

    boot_a_guest

    rm -rf tree tree.list copy.raw
    say "Done. The disk is in build/quickstart, the programs are in build: build/run qcow-img --help"
}

case ${1-} in
    '') main_job ;;
    check) check ;;
    *)
        echo "usage: $0 [check]" >&2
        exit 1
        ;;
esac
