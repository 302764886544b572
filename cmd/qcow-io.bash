# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: options and commands as qcow-io's own help names them, keys, modes, and files.

# shellcheck source=qcow-img.bash
[ "$(type -t _qcow_begin)" = function ] || . "${BASH_SOURCE[0]%/*}/qcow-img.bash"

_qcow_io() {
    local arguments current replaced_from later program=${COMP_WORDS[0]} verb=""

    _qcow_begin
    _qcow_offer_options || _qcow_offer_operand
}

complete -F _qcow_io qcow-io
