#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# An image that names a backing file is not served unless backing=allow, and the refusal says so;
# a backing file without a recorded format is not served at all, for its format is never guessed.
set -eu
. "$(dirname "$0")/common.sh"
need qemu-img qemu-io python3

cd "$work"
qemu-img create -q -f qcow2 base.qcow2 4M
qemu-io -f qcow2 -c 'write -P 1 0 4M' base.qcow2 > /dev/null
identity base.qcow2 > before
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 overlay.qcow2

refuses 'pass backing=allow if you trust the image' qcow2 overlay.qcow2
refuses 'pass backing=allow if you trust the image' qcow2 overlay.qcow2 backing=refuse
refuses 'pass backing=allow if you trust the image' -r qcow2 overlay.qcow2
grep -q base.qcow2 refused.log || fail "the refusal does not name the backing file"

serve overlay qcow2 overlay.qcow2 backing=allow
qemu-io -f raw -c 'read -P 1 0 4M' -c 'write -P 2 1000000 70000' -c 'read -P 1 0 1000000' \
    -c 'read -P 2 1000000 70000' -c 'read -P 1 1070000 64k' "$uri" > /dev/null
stop_server
clean overlay.qcow2
identity base.qcow2 | diff before - || fail "the backing file has changed"

# A relative name is relative to the image, not to where the server runs.
mkdir elsewhere
(cd elsewhere && serve relative qcow2 ../overlay.qcow2 backing=allow && stop_server)

# No format recorded.
qemu-img create -q -f qcow2 nameless.qcow2 4M
qemu-img rebase -q -u -b base.qcow2 -F qcow2 nameless.qcow2
python3 - nameless.qcow2 << 'PYTHON'
import struct, sys
with open(sys.argv[1], "r+b") as image:
    image.seek(100)
    at, = struct.unpack(">I", image.read(4))
    while True:
        image.seek(at)
        kind, length = struct.unpack(">II", image.read(8))
        assert kind != 0, "no extension records the backing format"
        if kind == 0xE2792ACA:
            image.seek(at)
            image.write(struct.pack(">I", 0x12345678))
            break
        at += 8 + (length + 7) // 8 * 8
PYTHON
refuses format qcow2 nameless.qcow2 backing=allow

# Missing, and a loop.
qemu-img rebase -q -u -b missing.qcow2 -F qcow2 nameless.qcow2
refuses missing.qcow2 qcow2 nameless.qcow2 backing=allow
qemu-img rebase -q -u -b nameless.qcow2 -F qcow2 nameless.qcow2
refuses nameless.qcow2 qcow2 nameless.qcow2 backing=allow

# A name that would colour the terminal is not passed on as it is.
qemu-img rebase -q -u -b $'\e[31mred' -F qcow2 nameless.qcow2
refuses 'red' qcow2 nameless.qcow2
if grep -q $'\e' refused.log; then
    fail "an escape sequence reaches the terminal"
fi
