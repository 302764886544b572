#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Where /dev/kvm has no hardware virtualization behind it, guests are emulated and end at the first
# instruction that the emulator lacks.  qcow-vmm warns at the start, fails with one sentence and does
# not hang.
set -euo pipefail

if [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
    echo "SKIP: there is no /dev/kvm here that this user may use"
    exit 77
elif grep -qwE 'vmx|svm' /proc/cpuinfo; then
    echo "SKIP: /dev/kvm can run Linux here"
    exit 77
fi

# The leak check looks in from another process.
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"
# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# put OFFSET BYTES...
put() {
    local offset=$1
    shift
    printf %b "$(printf '\\x%s' "$@")" |
        dd of=kernel bs=1 seek=$((offset)) conv=notrunc status=none
}

# The smallest kernel by the boot protocol whose first instruction is one that the emulator lacks.
truncate -s 4K kernel
put 0x1f1 01                             # setup_sects
put 0x1fe 55 aa                          # boot_flag
put 0x200 eb 66                          # jump over the header, which ends there
put 0x202 48 64 72 53                    # "HdrS"
put 0x206 0f 02                          # version 2.15
put 0x211 01                             # loadflags: LOADED_HIGH
put 0x22c ff ff ff 7f                    # initrd_addr_max
put 0x230 00 00 20 00                    # kernel_alignment
put 0x234 01 15 03 00                    # relocatable, min_alignment, xloadflags: 64-bit entry
put 0x238 ff 07 00 00                    # cmdline_size
put 0x258 00 00 00 01                    # pref_address
put 0x260 00 00 20 00                    # init_size
put 0x600 f0 48 0f c7 0e                 # the 64-bit entry: lock cmpxchg16b (%rsi)
put 0x605 f4 eb fd                       # hlt; again

status=0
timeout 60 qcow-vmm -kernel kernel -m 256M </dev/null >console 2>said || status=$?
cat said
echo "exit status $status"
[ "$status" -eq 1 ]
[ "$(wc -l <said)" -eq 2 ]
head -n 1 said | grep -q 'warning: this processor has no hardware virtualization'
tail -n 1 said | grep -qi 'kvm stopped'
