# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: verbs, options and modes as qcow-img's own help names them, and files.

_qcow_img() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} verb=${COMP_WORDS[1]}

    COMPREPLY=()
    # "--output=json" is three words
    if [ "$word" = = ]; then
        word=
    elif [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null |
            sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p') --help --version" -- "$word")
        return
    fi
    if [ "$verb $previous" = "check -r" ]; then
        previous=--repair
    fi
    case $previous in
        -t | -T | --cache | --source-cache | --backing-cache)
            mapfile -t COMPREPLY < <(compgen -W \
                "none writeback writethrough directsync unsafe" -- "$word")
            return
            ;;
        -f | -F | -O | --format | --*-format)
            mapfile -t COMPREPLY < <(compgen -W "qcow2 raw qcow luks" -- "$word")
            return
            ;;
        --output)
            mapfile -t COMPREPLY < <(compgen -W "human json" -- "$word")
            return
            ;;
        -i | --aio)
            mapfile -t COMPREPLY < <(compgen -W "threads native io_uring" -- "$word")
            return
            ;;
        --repair)
            mapfile -t COMPREPLY < <(compgen -W "leaks all" -- "$word")
            return
            ;;
        --preallocation)
            mapfile -t COMPREPLY < <(compgen -W "off metadata falloc full" -- "$word")
            return
            ;;
    esac
    case $word in
        -*)
            mapfile -t COMPREPLY < <(compgen -W "$("$program" "$verb" --help 2>/dev/null |
                grep -o -e '--[a-z][a-z-]*')" -- "$word")
            ;;
        *)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            ;;
    esac
}

complete -F _qcow_img qcow-img
