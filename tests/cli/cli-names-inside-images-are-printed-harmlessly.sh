# SPDX-License-Identifier: BSD-3-Clause
# Control characters and broken UTF-8 in names that an image holds reach neither the terminal nor
# the JSON.
set -eu
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
cd "$top"

evil=$(printf 'a\033[2Jb\001\302\233c\377d\177')
qcow-img create -q -f qcow2 -u -b "$evil" -F qcow2 evil.qcow2 1M
qcow-img create -q -f qcow2 plain.qcow2 1M
qcow-img snapshot -c "$evil" plain.qcow2
cp plain.qcow2 "$evil.qcow2"

harmless() {
    "$@" >out 2>&1 || true
    if LC_ALL=C grep -q '[^[:print:][:space:]]' out; then
        echo "$*: printed raw:"
        LC_ALL=C cat -v out
        exit 1
    fi
    [ -s out ]
}

harmless qcow-img info evil.qcow2
harmless qcow-img info --output=json evil.qcow2
harmless qcow-img info --backing-chain evil.qcow2
harmless qcow-img map evil.qcow2
harmless qcow-img info plain.qcow2
harmless qcow-img info --output=json plain.qcow2
harmless qcow-img snapshot -l plain.qcow2
harmless qcow-img snapshot -d "$evil-not" plain.qcow2
harmless qcow-img info "$evil.qcow2"
harmless qcow-img map "$evil.qcow2"
harmless qcow-img check --output=json "$evil.qcow2"
harmless qcow-img info "$evil-not"
harmless qcow-img create -f qcow2 -u -b "$evil" -F qcow2 "$evil.new" 1M
harmless qcow-io -c length "$evil-not"
qcow-img info evil.qcow2 | grep -qxF 'backing file: a\x1b[2Jb\x01\xc2\x9bc\xffd\x7f'
