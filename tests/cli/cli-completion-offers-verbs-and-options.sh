# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash offers what the tables of verbs and options hold.
set -eu
. "$abs_top_srcdir/cmd/qcow-img.bash"
compopt() { :; }

# offers WANTED WORDS...: the last word can be completed to WANTED.
offers() {
    local wanted=$1
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _qcow_img
    printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -e "$wanted" || {
        echo "$*: $wanted is not offered, but: ${COMPREPLY[*]}"
        exit 1
    }
}

offers convert qcow-img con
offers snapshot qcow-img ''
offers --version qcow-img --v
offers --backing-chain qcow-img info --b
offers --untrusted qcow-img map --
offers json qcow-img check --output j
offers writeback qcow-img info --cache w
offers qcow2 qcow-img convert --target-format q
