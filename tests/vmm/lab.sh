#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# lab.sh - a machine with a real /dev/kvm, on any x86-64 machine, without root
#
#   lab.sh run [-t SECONDS] [-p PROGRAM]... FOLDER SCRIPT
#   lab.sh guest-disk FILE [MIB]
#   lab.sh kernel
#
# QEMU's TCG emulates AMD's SVM with nested paging.  So a Debian cloud kernel
# started under TCG (the outer machine) loads kvm-amd and has a true /dev/kvm,
# and an unmodified kernel boots on that under qcow-vmm (the guest):
#
#   this machine: qemu-system-x86_64 -accel tcg
#     outer machine: Debian kernel, kvm-amd, SCRIPT, qcow-vmm, nbdkit, plugin
#       guest: the same Debian kernel, /dev/vda = qcow2 image
#
# run         boots the outer machine with a copy of FOLDER as /lab, runs SCRIPT
#             there with busybox's sh, copies /lab back over FOLDER and exits
#             with the script's status.  All consoles go to standard output.
#             The script finds in its PATH busybox, qcow-vmm, nbdkit, lab-boot (which
#             boots a guest) and each PROGRAM of -p; the plugin is installed.
# guest-disk  makes a raw image with an ext4 root that lab-boot's guests run from.
# kernel      gets the kernel and prints the folder it is in.
#
# Each machine boots the same way: the kernel, one small initrd for both, and
# an ext4 root on /dev/vda whose /sbin/init does what that machine is for.
# mke2fs -d fills the disks and debugfs empties them, so nobody needs to be root.
#
# Variables: QCOW2_PLUGIN (the plugin's file), LAB_CACHE (where the kernel is kept).

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(realpath -m "${LAB_CACHE:-${abs_top_builddir:-.}/tests/vmm/lab-cache}")

# In the order in which they must be loaded.
virtio_modules=(
    virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk
)
kvm_modules=(irqbypass kvm kvm-amd)

fail() {
    echo "lab: $*" >&2
    exit 1
}

skip() {
    echo "SKIP: $*" >&2
    exit 77
}

need_tools() {
    local tool
    for tool; do
        type -P "$tool" >/dev/null || skip "the nested lab needs $tool"
    done
    if ldd "$(type -P busybox)" >/dev/null 2>&1; then
        skip "the nested lab needs a static busybox (package busybox-static)"
    fi
}

# --- the kernel ------------------------------------------------------------

# apt with lists of its own: they are never stale, and making them needs no root.
private_apt() {
    local tool=$1
    shift
    "$tool" -q -o APT::Sandbox::User= \
        -o Dir::State::Lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache" "$@"
}

download_kernel_package() {
    local package log=$cache/apt/log
    type -P apt-get dpkg >/dev/null || skip "no Debian kernel: apt-get is not here"
    echo "lab: getting Debian's cloud kernel" >&2
    rm -rf "$cache/apt"
    mkdir -p "$cache"/apt/{lists,cache/archives}/partial
    private_apt apt-get update >"$log" 2>&1 ||
        skip "no Debian kernel: apt-get update: $(tail -n1 "$log")"
    package=$(private_apt apt-cache depends linux-image-cloud-amd64 2>>"$log" |
        awk '/Depends: linux-image-[0-9]/ { print $2; exit }') ||
        skip "no Debian kernel: apt-cache depends linux-image-cloud-amd64: $(tail -n1 "$log")"
    (cd "$cache/apt" && private_apt apt-get download "$package" >>"$log" 2>&1) ||
        skip "no Debian kernel: apt-get download $package: $(tail -n1 "$log")"
    mv "$cache"/apt/*.deb "$cache/"
    rm -rf "$cache/apt"
}

unpack_kernel_package() {
    local module members=('./boot/vmlinuz-*')
    for module in "${virtio_modules[@]}" "${kvm_modules[@]}"; do
        members+=("*/$module.ko")
    done
    rm -rf "$cache/unpacking"
    mkdir "$cache/unpacking"
    dpkg --fsys-tarfile "$1" |
        tar -x -C "$cache/unpacking" --transform='s,.*/,,;s,^vmlinuz-.*,vmlinuz,' \
            --wildcards "${members[@]}" ||
        skip "no Debian kernel: $(basename "$1") lacks a module the lab loads"
    mv "$cache/unpacking" "$cache/kernel"
}

kernel_packages() {
    find "$cache" -maxdepth 1 -name 'linux-image-*-cloud-amd64_*.deb' | sort -V
}

# Gets it once; a package put into the cache by hand does as well.
get_kernel() {
    mkdir -p "$cache"
    (
        flock 9
        [ ! -d "$cache/kernel" ] || exit 0
        [ -n "$(kernel_packages)" ] || download_kernel_package
        unpack_kernel_package "$(kernel_packages | tail -n1)"
    ) 9>"$cache/lock"
}

# --- trees that become disks -----------------------------------------------

# busybox with a link for each of its commands, and the mount points.
make_busybox_tree() {
    local command
    mkdir -p "$1"/{bin,sbin,dev,proc,sys,tmp,lib/modules}
    cp "$(type -P busybox)" "$1/bin/busybox"
    for command in $(busybox --list); do
        [ "$command" = busybox ] || ln -s busybox "$1/bin/$command"
    done
}

# The modules, and a file "order" that init loads them by.
add_modules() {
    local tree=$1 module
    shift
    for module; do
        cp "$cache/kernel/$module.ko" "$tree/lib/modules/"
        echo "$module"
    done >"$tree/lib/modules/order"
}

make_initrd() {
    make_busybox_tree "$1.d"
    add_modules "$1.d" "${virtio_modules[@]}"
    install -m 755 "$here/initrd-init" "$1.d/init"
    (cd "$1.d" && find . | cpio --quiet -o -H newc) >"$1"
}

# The libraries of a program, its loader among them; all go into one folder,
# which the loader searches by itself.
add_libraries() {
    local tree=$1 file=$2 libraries
    libraries=$(ldd "$file" 2>&1) || return 0
    if grep -F 'not found' <<<"$libraries" >&2; then
        fail "$file lacks the libraries above"
    fi
    awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$libraries" |
        xargs -r cp -L -u -t "$tree/lib"
}

# In a build tree a program may be libtool's script, and the true one beside it.
find_program() {
    local path real
    path=$(type -P "$1") || skip "$1 is not in PATH"
    real=$(dirname "$path")/.libs/$(basename "$path")
    if [ -x "$real" ]; then echo "$real"; else echo "$path"; fi
}

add_file() {
    local tree=$1 file=$2 name=$3
    mkdir -p "$tree/$(dirname "$name")"
    cp -L "$file" "$tree/$name"
    add_libraries "$tree" "$file"
}

add_program() {
    local path
    path=$(find_program "$2")
    add_file "$1" "$path" "usr/bin/$(basename "$2")"
}

# nbdkit tells where it really is (a build tree has a script before it) and where
# it looks for plugins and filters.
add_nbdkit() {
    local tree=$1 plugin=${QCOW2_PLUGIN:-} config filter
    [ -f "$plugin" ] || skip "there is no nbdkit plugin: QCOW2_PLUGIN is '$plugin'"
    if [[ $(ldd "$plugin") =~ lib[at]san ]]; then
        skip "the plugin is built with a sanitizer, which nbdkit in the lab lacks"
    fi
    config=$(nbdkit --dump-config)
    filter=$(sed -n 's/^filterdir=//p' <<<"$config")/nbdkit-exitlast-filter.so
    add_file "$tree" "$(sed -n 's/^binary=//p' <<<"$config")" usr/bin/nbdkit
    add_file "$tree" "$plugin" "$(sed -n 's/^plugindir=//p' <<<"$config")/nbdkit-qcow2-plugin.so"
    add_file "$tree" "$filter" "$filter"
}

make_outer_tree() {
    local tree=$1 folder=$2 script=$3 program
    shift 3
    make_busybox_tree "$tree"
    mkdir "$tree/boot"
    ln -s lib "$tree/lib64"
    add_modules "$tree" "${kvm_modules[@]}"
    cp -L "$cache/kernel/vmlinuz" "$tree/boot/vmlinuz"
    for program in qcow-vmm "$@"; do
        add_program "$tree" "$program"
    done
    add_nbdkit "$tree"
    install -m 755 "$here/outer-init" "$tree/sbin/init"
    install -m 755 "$here/lab-boot" "$tree/usr/bin/lab-boot"
    cp "$script" "$tree/script"
    cp -a "$folder" "$tree/lab"
}

make_ext4() {
    truncate -s "$3" "$2"
    mke2fs -q -F -t ext4 -d "$1" "$2"
}

# --- the verbs -------------------------------------------------------------

guest_disk() (
    need_tools busybox mke2fs
    file=$1 mib=${2:-64}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    make_busybox_tree "$work"
    install -m 755 "$here/guest-init" "$work/sbin/init"
    mkdir "$work/data"
    head -c $((mib << 18)) /dev/urandom >"$work/data/random"
    (cd "$work/data" && sha256sum random >sums)
    make_ext4 "$work" "$file" "${mib}M"
)

# Without XSAVE, because TCG lets a guest's XSETBV through to the outer machine: KVM does not
# see it, and the guest's kernel finds sizes that contradict each other.
boot_outer_machine() {
    local work=$1 seconds=$2
    timeout -k 5 "$seconds" qemu-system-x86_64 \
        -accel tcg,thread=multi -cpu max,xsave=off -smp 2 -m 2G \
        -nodefaults -display none -serial stdio -no-reboot \
        -kernel "$cache/kernel/vmlinuz" -initrd "$work/initrd" \
        -append 'console=ttyS0 root=/dev/vda rw panic=-1 quiet' \
        -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" </dev/null | tr -d '\r' ||
        fail "QEMU failed, or $seconds seconds were not enough; the console's end is above"
}

take_results() {
    local work=$1 folder=$2 status
    status=$(debugfs -R 'cat /status' "$work/disk" 2>/dev/null)
    [ -n "$status" ] || fail "the outer machine stopped before the script ended"
    mkdir "$work/results"
    debugfs -R "rdump /lab $work/results" "$work/disk" 2>/dev/null
    cp -r --sparse=always "$work/results/lab/." "$folder/"
    return "$status"
}

run() (
    seconds=300
    programs=()
    while getopts t:p: option; do
        case $option in
            t) seconds=$OPTARG ;;
            p) programs+=("$OPTARG") ;;
            *) exit 2 ;;
        esac
    done
    shift $((OPTIND - 1))
    [ $# -eq 2 ] || fail "usage: lab.sh run [-t SECONDS] [-p PROGRAM]... FOLDER SCRIPT"
    need_tools qemu-system-x86_64 busybox mke2fs debugfs cpio

    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    get_kernel
    make_initrd "$work/initrd"
    make_outer_tree "$work/tree" "$1" "$2" ${programs[@]+"${programs[@]}"}
    cp "$work/initrd" "$work/tree/boot/initrd"
    make_ext4 "$work/tree" "$work/disk" 1G
    boot_outer_machine "$work" "$seconds"
    take_results "$work" "$1"
)

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
    run) run "$@" ;;
    guest-disk) guest_disk "$@" ;;
    kernel)
        get_kernel
        echo "$cache/kernel"
        ;;
    *) fail "usage: lab.sh run | guest-disk | kernel (see the head of this file)" ;;
esac
