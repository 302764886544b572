# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: options and keys as qcow-vmm's own help names them, what keys take, and files.

# shellcheck source=qcow-img.bash
[ "$(type -t _qcow_begin)" = function ] || . "${BASH_SOURCE[0]%/*}/qcow-img.bash"

# The keys that help lists for an option: "  serial    --disk    -device  serial number; ...".
_qcow_vmm_keys() {
    "$program" -help 2>/dev/null | sed -n "s/^  \([a-z_-]*\)  .*-$1 .*/\1/p"
}

# _qcow_vmm_values PREFIX KEY
_qcow_vmm_values() {
    local choices=""

    case $2 in
        file) _qcow_offer_files "$1" ;;
        backing) choices="allow refuse" ;;
        cache) choices="writeback writethrough none directsync unsafe" ;;
        discard | readonly | write-zeroes) choices="on off" ;;
        format) choices="qcow2 raw" ;;
        if) choices="none virtio" ;;
        logical_block_size) choices="512 1024 2048 4096" ;;
        queue-size) choices="64 128 256 512 1024" ;;
    esac
    # shellcheck disable=SC2086
    _qcow_offer "$1" "" $choices
}

_qcow_vmm() {
    local arguments current replaced_from later program=${COMP_WORDS[0]} option

    _qcow_begin
    option=${arguments[-2]#-}
    option=${option#-}
    case $option in
        drive | device | disk)
            # shellcheck disable=SC2046
            _qcow_offer_list "" _qcow_vmm_values $(_qcow_vmm_keys "$option")
            [ "$option" != device ] || _qcow_offer "" , virtio-blk-pci
            [[ $option != disk || $current = *,* ]] || _qcow_offer_files ""
            ;;
        append | m | smp) ;;
        *)
            # shellcheck disable=SC2046
            [[ $current != -* ]] || _qcow_offer "" "" $("$program" -help 2>/dev/null |
                sed -n 's/^  \(-[a-z-]*\).*/\1 -\1/p')
            [[ $current = -* ]] || _qcow_offer_files ""
            ;;
    esac
}

complete -F _qcow_vmm qcow-vmm
