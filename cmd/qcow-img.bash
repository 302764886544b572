# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash: verbs, options and what they take as qcow-img's own help names them, keys, names
# of snapshots and bitmaps, and files.
#
# bash takes a line apart at "=" and ":", too, and what is offered replaces only what follows the last of
# them.  Here arguments are whole: _qcow_begin puts them together, in "arguments", and what _qcow_offer
# finds is cut to what bash wants.  These functions share the variables of their caller.

_qcow_formats='raw qcow2 qcow luks'
_qcow_caches='none writeback writethrough directsync unsafe'
_qcow_switch='on off'

# The keys that name an image, after those of its layers: "file.", "backing.", "data-file.".
_qcow_keys='
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

# ------------------------------------------------------------------------------------------------
# The line

# arguments: those up to the cursor, the first is the program; current: the last one, as far as it is
# written; replaced_from: the part of it that bash keeps; later: what follows the cursor.
_qcow_begin() {
    local word join="" i

    arguments=("${COMP_WORDS[0]}")
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word =~ ^[=:]+$ ]]; then
            arguments[-1]+=$word
            join=yes
        elif [ -n "$join" ]; then
            arguments[-1]+=$word
            join=
        else
            arguments+=("$word")
        fi
    done
    word=${COMP_WORDS[COMP_CWORD]}
    [[ ! $word =~ ^[=:]+$ ]] || word=
    current=${arguments[-1]}
    replaced_from=${current%"$word"}
    later=("${COMP_WORDS[@]:COMP_CWORD+1}")
    COMPREPLY=()
}

# _qcow_offer PREFIX SUFFIX WORD...: they can follow PREFIX.
_qcow_offer() {
    local prefix=$1 suffix=$2 word
    shift 2
    for word; do
        word=$prefix$word$suffix
        [[ $word != "$current"* ]] || COMPREPLY+=("${word#"$replaced_from"}")
    done
}

# _qcow_offer_files PREFIX: what precedes ":" in an operand is a protocol, unless a "/" comes before.
_qcow_offer_files() {
    local name

    compopt -o filenames
    while IFS= read -r name; do
        [[ $1 = *filename= || $1 = *path= || $name != *:* || ${name%%:*} = */* ]] || name=./$name
        name=$1$name
        COMPREPLY+=("${name#"$replaced_from"}")
    done < <(compgen -f -- "${current#"$1"}")
}

# When matches are only listed, after a second TAB, what precedes the last "," of each is left out.
_qcow_shorten() {
    local word=${current#"$replaced_from"}

    [[ ${COMP_TYPE-} != 63 || $word != *,* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%,*},"}")
}

# _qcow_given LETTER LONG: the argument of that option.
_qcow_given() {
    local i value=""

    for ((i = 1; i < ${#arguments[@]}; i++)); do
        case ${arguments[i]} in
            "$1" | "$2") value=${arguments[i + 1]-} ;;
            "$2="*) value=${arguments[i]#*=} ;;
        esac
    done
    printf '%s' "$value"
}

# Of all arguments those that are files, the nearest to the cursor first.
_qcow_files() {
    local word i

    for word in "${later[@]}"; do
        [ ! -f "$word" ] || printf '%s\n' "$word"
    done
    for ((i = ${#arguments[@]} - 2; i > 1; i--)); do
        [ ! -f "${arguments[i]}" ] || printf '%s\n' "${arguments[i]}"
    done
}

# ------------------------------------------------------------------------------------------------
# Names inside images: whoever made the image has chosen them, so they are quoted, and never expanded

# _qcow_offer_names PREFIX: those of standard input, a line of JSON each.
_qcow_offer_names() {
    local name quoted

    while IFS= read -r name; do
        printf -v quoted %q "$name"
        _qcow_offer "$1" "" "$quoted"
    done < <(LC_ALL=C sed -n '/\\/d; /[[:cntrl:]]/d; s/^ *"name": "\(.*\)",\{0,1\}$/\1/p' | head -n 200)
}

# _qcow_ask VERB FILE OPTION...: the JSON that the verb prints; nothing if that takes long.
_qcow_ask() {
    local verb=$1 file=$2
    shift 2
    [[ $file != -* ]] || file=./$file
    timeout 2 "$program" "$verb" --untrusted -U --output=json "$@" "$file" 2>/dev/null </dev/null |
        head -c 1000000
}

_qcow_offer_snapshots() {
    local file

    while IFS= read -r file; do
        _qcow_offer_names "$1" < <(_qcow_ask snapshot "$file" -l)
        [ ${#COMPREPLY[@]} -eq 0 ] || return 0
    done < <(_qcow_files | head -n 3)
}

_qcow_offer_bitmaps() {
    local file

    while IFS= read -r file; do
        _qcow_offer_names "$1" < <(_qcow_ask info "$file" |
            sed -n '/^ \{12\}"bitmaps": \[/,/^ \{12\}\]/p')
        [ ${#COMPREPLY[@]} -eq 0 ] || return 0
    done < <(_qcow_files | head -n 3)
}

# ------------------------------------------------------------------------------------------------
# Lists: "key=value,key=value"

# The ids of the objects of the command line.
_qcow_ids() {
    local argument

    for argument in "${arguments[@]}"; do
        [[ ! $argument =~ ^(--object=)?(secret|tls-creds-[a-z0-9]*),(.*,)?id=([^,]*) ]] ||
            printf '%s ' "${BASH_REMATCH[4]}"
    done
}

# _qcow_offer_values PREFIX KEY: of an image that is opened.
_qcow_offer_values() {
    local choices=""

    case $2 in
        filename | path) _qcow_offer_files "$1" ;;
        driver) choices="qcow2 raw qcow luks file host_device nbd" ;;
        server.type) choices="inet unix" ;;
        discard) choices="ignore unmap" ;;
        detect-zeroes) choices="on off unmap" ;;
        aio) choices="threads native io_uring" ;;
        locking) choices="on off auto" ;;
        overlap-check | overlap-check.template) choices="none constant cached all" ;;
        overlap-check.* | cache.* | read-only | auto-read-only | force-share | lazy-refcounts | \
            pass-discard-* | discard-no-unref | drop-cache | x-check-cache-dropped)
            choices=$_qcow_switch
            ;;
        *cache-size) choices="1M 4M 16M 32M 64M 128M" ;;
        l2-cache-entry-size) choices="512 1k 2k 4k 8k 16k 32k 64k" ;;
        compression-level) choices="default fast best" ;;
        compression-window) choices="9 10 11 12 13 14 15" ;;
        encrypt.format) choices="luks aes" ;;
        *key-secret | tls-creds) choices=$(_qcow_ids) ;;
        x-dirty-bitmap) choices="qemu:dirty-bitmap:" ;;
    esac
    # shellcheck disable=SC2086
    _qcow_offer "$1" "" $choices
}

# _qcow_offer_creation_values PREFIX KEY: of an image that is made or amended.
_qcow_offer_creation_values() {
    local choices=""

    case $2 in
        backing_file | data_file) _qcow_offer_files "$1" ;;
        backing_fmt) choices=$_qcow_formats ;;
        cluster_size) choices="512 1k 2k 4k 8k 16k 32k 64k 128k 256k 512k 1M 2M" ;;
        compat) choices="0.10 1.1 v2 v3" ;;
        compression_level) choices="default fast best" ;;
        compression_type) choices="zlib zstd" ;;
        compression_window) choices="9 10 11 12 13 14 15" ;;
        encrypt.format) choices=luks ;;
        refcount_bits) choices="1 2 4 8 16 32 64" ;;
        preallocation) choices="off metadata falloc full" ;;
        data_file_raw | extended_l2 | lazy_refcounts | nocow) choices=$_qcow_switch ;;
        *cipher-alg) choices="aes-128 aes-192 aes-256" ;;
        *cipher-mode) choices="xts cbc ctr ecb" ;;
        *ivgen-alg) choices="plain plain64 essiv" ;;
        *hash-alg) choices="md5 sha1 sha224 sha256 sha384 sha512 ripemd160" ;;
        *state) choices="active inactive" ;;
        *-secret) choices=$(_qcow_ids) ;;
    esac
    [[ $2 != preallocation || $format = qcow2 ]] || choices="off falloc full"
    # shellcheck disable=SC2086
    _qcow_offer "$1" "" $choices
}

# _qcow_offer_object_values PREFIX KEY
_qcow_offer_object_values() {
    case $2 in
        file | dir) _qcow_offer_files "$1" ;;
        format) _qcow_offer "$1" "" raw base64 ;;
        endpoint) _qcow_offer "$1" "" client ;;
        keyid) _qcow_offer_values "$1" key-secret ;;
    esac
}

# _qcow_offer_list PREFIX VALUES KEY...: the last element of a list that follows PREFIX; VALUES offers
# what can follow a key.
_qcow_offer_list() {
    local before=$1 values=$2 list=${current#"$1"} element
    shift 2

    element=${list##*,}
    before+=${list%"$element"}
    compopt -o nospace
    if [[ $element = *=* ]]; then
        "$values" "$before${element%%=*}=" "$(_qcow_bare "${element%%=*}")"
    else
        _qcow_offer "$before" = "$@"
    fi
}

# A key without its layers.
_qcow_bare() {
    local key=$1

    while [[ $key =~ ^(file|backing|data-file)\.(.*) ]]; do
        key=${BASH_REMATCH[2]}
    done
    printf '%s' "$key"
}

# An image that keys name.
_qcow_offer_image() {
    local layers="" element=${current##*,} keys

    while [[ $element =~ ^(file\.|backing\.|data-file\.)(.*) ]]; do
        layers+=${BASH_REMATCH[1]}
        element=${BASH_REMATCH[2]}
    done
    # shellcheck disable=SC2206
    keys=($_qcow_keys)
    _qcow_offer_list "" _qcow_offer_values "${keys[@]/#/$layers}"
    [[ $element = *=* ]] || _qcow_offer "${current%"$element"}" "" file. backing. data-file.
}

# _qcow_offer_object PREFIX
_qcow_offer_object() {
    local list=${current#"$1"}

    compopt -o nospace
    case $list in
        secret,*) _qcow_offer_list "$1" _qcow_offer_object_values id data file format keyid iv ;;
        tls-creds-x509,*) _qcow_offer_list "$1" _qcow_offer_object_values id dir endpoint verify-peer ;;
        tls-creds-psk,*) _qcow_offer_list "$1" _qcow_offer_object_values id dir username endpoint ;;
        *) _qcow_offer "$1" , secret tls-creds-x509 tls-creds-psk ;;
    esac
}

# ------------------------------------------------------------------------------------------------
# Options

# What the program lists of the options of an image, with those of the file that holds it.
_qcow_list_creation() {
    case $verb in
        amend) "$program" amend -f "$1" -o help ;;
        convert) "$program" convert -O "$1" -o help && "$program" create -f "$1" -o help disk ;;
        *) "$program" create -f "$1" -o help disk ;;
    esac </dev/null 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9._-]*\)=.*/\1/p' | sort -u
}

# _qcow_offer_creation PREFIX
_qcow_offer_creation() {
    local letter=-O long=--target-format format

    [[ $verb != create && $verb != amend ]] || letter=-f long=--format
    format=$(_qcow_given $letter $long)
    [ -n "$format" ] || { [ "$verb" = amend ] && format=qcow2; } || format=raw
    [[ " $_qcow_formats " = *" $format "* ]] || return
    # shellcheck disable=SC2046
    _qcow_offer_list "$1" _qcow_offer_creation_values $(_qcow_list_creation "$format")
}

# What help says of an option that takes an argument: its long name, and what kind of argument.
_qcow_find() {
    local name=$1 line

    [[ ! $name =~ ^-[a-zA-Z]+$ ]] || name=-${name: -1}
    option="" kind=""
    while read -r line; do
        if [[ " ${line//,/}" = *" $name "* && $line =~ (--[a-z-]+)\ ([A-Z]+)$ ]]; then
            option=${BASH_REMATCH[1]} kind=${BASH_REMATCH[2]}
            return
        fi
    done < <("$program" ${verb:+"$verb"} --help 2>/dev/null)
    return 1
}

# _qcow_offer_argument PREFIX: of the option that was found.
_qcow_offer_argument() {
    local choices=""

    case $option in
        --cache | --source-cache | --backing-cache) choices=$_qcow_caches ;;
        --output) choices="human json" ;;
        --aio) choices="threads native io_uring" ;;
        --discard) choices="ignore unmap" ;;
        --repair) choices="leaks all" ;;
        --preallocation) choices="off metadata falloc full" ;;
        --cmd) choices=$("$program" -c help 2>/dev/null | sed -n 's/^\([a-z_]*\) .*-- .*/\1/p') ;;
        *) _qcow_offer_kind "$1" ;;
    esac
    # shellcheck disable=SC2086
    _qcow_offer "$1" "" $choices
}

_qcow_offer_kind() {
    case $kind in
        FILE) _qcow_offer_files "$1" ;;
        OBJECT) _qcow_offer_object "$1" ;;
        OPTIONS) _qcow_offer_creation "$1" ;;
        SNAPSHOT) _qcow_offer_snapshots "$1" ;;
        BITMAP) _qcow_offer_bitmaps "$1" ;;
        NAME)
            case "$verb $option" in
                "snapshot --delete") _qcow_offer_snapshots "$1" ;;
                "map --bitmap") _qcow_offer_bitmaps "$1" ;;
            esac
            ;;
        FMT)
            case "$verb $option" in
                "create --format" | *--target-format) _qcow_offer "$1" "" raw qcow2 luks ;;
                *) _qcow_offer "$1" "" raw qcow2 qcow luks ;;
            esac
            ;;
    esac
}

# Names of options; after a mere "-" letters, too.
_qcow_list_options() {
    "$program" ${verb:+"$verb"} --help 2>/dev/null | grep -o -e '--[a-z][a-z-]*'
    [ "$current" != - ] || "$program" ${verb:+"$verb"} --help 2>/dev/null |
        sed -n '/^  -/p' | grep -o -e '-[a-zA-Z], ' | tr -d ', '
}

# Options, and what they take; false: the argument is none of an option.
_qcow_offer_options() {
    local option kind

    case $current in
        --*=*) ! _qcow_find "${current%%=*}" || _qcow_offer_argument "${current%%=*}=" ;;
        -*)
            # shellcheck disable=SC2046
            _qcow_offer "" "" $(_qcow_list_options)
            ;;
        *) [[ ${arguments[-2]} = -* ]] && _qcow_find "${arguments[-2]}" && _qcow_offer_argument "" ;;
    esac
}

# ------------------------------------------------------------------------------------------------
# The commands

_qcow_offer_operand() {
    local before=" ${arguments[*]:0:${#arguments[@]}-1} "

    if [ "$verb" = dd ]; then
        case $current in
            if=* | of=*) _qcow_offer_files "${current%%=*}=" ;;
            *) compopt -o nospace && _qcow_offer "" = if of bs count skip ;;
        esac
    elif [[ $before = *image-opts\ * ]]; then
        _qcow_offer_image
        [[ $before = *\ --image-opts\ * ]] || _qcow_offer_files ""
    elif [ "$verb" = bitmap ] && [ -n "$(later=() && _qcow_files)" ]; then
        [[ $before = *\ --add\ * ]] || _qcow_offer_bitmaps ""
    else
        _qcow_offer_files ""
    fi
}

# first: where the verb is, after options.
_qcow_find_verb() {
    first=1
    while [ $((first + 1)) -lt ${#arguments[@]} ]; do
        case ${arguments[first]} in
            -T | --trace) first=$((first + 2)) ;;
            -T* | --trace=*) first=$((first + 1)) ;;
            *) return ;;
        esac
    done
}

_qcow_img() {
    local arguments current replaced_from later program=${COMP_WORDS[0]} verb first

    _qcow_begin
    _qcow_find_verb
    verb=${arguments[first]-}
    if [ ${#arguments[@]} -eq $((first + 1)) ]; then
        # shellcheck disable=SC2046
        _qcow_offer "" "" --help --version --trace $("$program" --help 2>/dev/null |
            sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
    elif [ -n "$verb" ]; then
        _qcow_offer_options || _qcow_offer_operand
    fi
    _qcow_shorten
}

complete -F _qcow_img qcow-img
