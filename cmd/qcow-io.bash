# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: options and commands as qcow-io's own help names them, modes, and files.

_qcow_io() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} choices

    COMPREPLY=()
    # "--cache=none" is three words
    if [ "$word" = = ]; then
        word=
    elif [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $previous in
        -c | --cmd)
            choices=$("$program" -c help 2>/dev/null | sed -n 's/^\([a-z_]*\) .*-- .*/\1/p')
            ;;
        -f | --format) choices="qcow2 raw qcow luks" ;;
        -t | --cache) choices="none writeback writethrough directsync unsafe" ;;
        -d | --discard) choices="ignore unmap" ;;
        -i | --aio) choices="threads native io_uring" ;;
        --object | -T | --trace) return ;;
        *)
            if [ "${word:0:1}" != - ]; then
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
            fi
            choices=$("$program" --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*')
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _qcow_io qcow-io
