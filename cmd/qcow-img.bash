# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: verbs, options and modes as qcow-img's own help names them, and files.

# The keys that name an image, after those of its layers: "file.", "backing.", "data-file.".
_qcow_img_keys='
    driver node-name read-only auto-read-only force-share discard detect-zeroes cache.direct
    cache.no-flush cache-size l2-cache-size l2-cache-entry-size refcount-cache-size
    cache-clean-interval overlap-check overlap-check.template overlap-check.main-header
    overlap-check.active-l1 overlap-check.active-l2 overlap-check.refcount-table
    overlap-check.refcount-block overlap-check.snapshot-table overlap-check.inactive-l1
    overlap-check.inactive-l2 overlap-check.bitmap-directory lazy-refcounts pass-discard-request
    pass-discard-snapshot pass-discard-other discard-no-unref compression-level compression-window
    encrypt.format encrypt.key-secret key-secret offset size filename aio aio-max-batch locking
    drop-cache x-check-cache-dropped pr-manager server.type server.host server.port server.path host
    port path export tls-creds tls-hostname open-timeout reconnect-delay x-dirty-bitmap backing'

# The last element of "key=value,key=value", of which bash sees what follows the last "=".
_qcow_img_opts() {
    local before=$1 element=${1##*,} layers="" layer
    before=${before%"$element"}

    while :; do
        for layer in file. backing. data-file. ""; do
            [ "${element#"$layer"}" = "$element" ] || break
        done
        [ -n "$layer" ] || break
        layers=$layers$layer
        element=${element#"$layer"}
    done
    compopt -o nospace
    mapfile -t COMPREPLY < <(compgen -P "$before$layers" -S = -W "$_qcow_img_keys" -- "$element")
    mapfile -O "${#COMPREPLY[@]}" -t COMPREPLY < <(compgen -P "$before$layers" -W \
        "file. backing. data-file." -- "$element")
}

# What can follow the "=" of a key.
_qcow_img_value() {
    case ${1##*,} in
        *filename | *path) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$2") ;;
        *driver)
            mapfile -t COMPREPLY < <(compgen -W "qcow2 raw qcow luks file host_device nbd" -- "$2")
            ;;
        *) mapfile -t COMPREPLY < <(compgen -W "on off" -- "$2") ;;
    esac
}

_qcow_img() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local program=${COMP_WORDS[0]} verb=${COMP_WORDS[1]}

    local named_by_keys="" key=""

    COMPREPLY=()
    case " ${COMP_WORDS[*]:0:COMP_CWORD} " in
        *image-opts\ *) named_by_keys=yes ;;
    esac
    # "--output=json" is three words
    if [ "$word" = = ]; then
        word=
        key=$previous
    elif [ "$previous" = = ]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
        key=$previous
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
            if [ -n "$named_by_keys" ] && [ -n "$key" ] && [ "$word" = "${word##*,}" ]; then
                _qcow_img_value "$key" "$word"
                return
            elif [ -n "$named_by_keys" ]; then
                _qcow_img_opts "$word"
                return
            fi
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            ;;
    esac
}

complete -F _qcow_img qcow-img
