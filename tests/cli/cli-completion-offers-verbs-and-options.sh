#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash offers what the tables of verbs and options hold: verbs, options, what they take, keys
# and their values, names of snapshots and bitmaps.  Names inside images are never expanded, whatever they are.
set -eu
. "$abs_top_srcdir/cmd/qcow-img.bash"
. "$abs_top_srcdir/cmd/qcow-io.bash"
. "$abs_top_srcdir/cmd/qcow-vmm.bash"
compopt() { :; }

# shellcheck source=tests/own-folder.sh
. "$abs_top_srcdir/tests/own-folder.sh"

# complete_at WORDS...: what is offered for the last word, or for the one before "|".
complete_at() {
    COMP_WORDS=()
    COMP_CWORD=-1
    for word; do
        if [ "$word" = '|' ]; then
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        else
            COMP_WORDS+=("$word")
        fi
    done
    [ $COMP_CWORD -ge 0 ] || COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    "_${1/-/_}"
}

# offers WANTED WORDS...
offers() {
    local wanted=$1
    shift
    complete_at "$@"
    printf '%s\n' "${COMPREPLY[@]}" | grep -qxF -e "$wanted" || {
        echo "$*: $wanted is not offered, but: ${COMPREPLY[*]}"
        exit 1
    }
}

# offers_all "WANTED..." WORDS...: these and no others.
offers_all() {
    local wanted=$1
    shift
    complete_at "$@"
    [ "${COMPREPLY[*]}" = "$wanted" ] || {
        echo "$*: not '$wanted' is offered, but: ${COMPREPLY[*]}"
        exit 1
    }
}

offers convert qcow-img con
offers snapshot qcow-img ''
offers --version qcow-img --v
offers info qcow-img -T x in
offers convert qcow-img --trace x con
offers convert qcow-img --trace = x con
offers json qcow-img -Tx map --output j
offers_all '' qcow-img -T x
offers --backing-chain qcow-img info --b
offers --untrusted qcow-img map --
offers -f qcow-img info -
offers -U qcow-img convert -
offers -f qcow-io -
offers json qcow-img check --output j
offers writeback qcow-img info --cache w
offers qcow2 qcow-img convert --target-format q
offers json qcow-img map --output = j
offers human qcow-img map --output =
offers luks qcow-img convert -O l
offers qcow qcow-img info -f qc
offers luks qcow-img compare -F l
offers leaks qcow-img check -r le
offers all qcow-img check --repair = a
offers none qcow-img rebase --backing-cache n
offers io_uring qcow-img bench -i io
offers --snapshot qcow-io --sn
offers --copy-on-read qcow-io -
offers aio_write qcow-io -c aio
offers wait_break qcow-io --cmd w
offers luks qcow-io -f l
offers directsync qcow-io --cache d
offers ignore qcow-io -d ''
offers io_uring qcow-io -i io
offers unmap qcow-io --discard = u

# every key that can name an image, in every layer
offers driver= qcow-img info --image-opts dri
offers qcow2 qcow-img info --image-opts driver = q
offers qcow2,file.locking= qcow-img info --image-opts driver = qcow2,file.lo
offers qcow2,backing.file.driver= qcow-img map --image-opts -U driver = qcow2,backing.file.d
offers file.filename= qcow-img convert -n --target-image-opts a.raw file.fil
offers file. qcow-img info --image-opts fi
offers off qcow-img info --image-opts lazy-refcounts = of
mapfile -t keys < <(sed -n 's/^    { [A-Z][A-Z_0-9 |]*, "\([^"]*\)", read_.*/\1/p' \
    "$abs_top_srcdir/cmd/image-key-table.c")
[[ ${#keys[@]} -gt 50 ]] || { echo "the table of keys was not found"; exit 1; }
for key in "${keys[@]}"; do
    offers "file.$key=" qcow-img info --image-opts "file.$key"
done

# and their values, after the last key of a list
offers_all 'inet unix' qcow-img info --image-opts driver = nbd,server.type =
offers_all unix qcow-img info --image-opts file.server.type = u
offers_all 'none constant cached all' qcow-img info --image-opts overlap-check =
offers_all 'constant cached' qcow-io --image-opts overlap-check.template = c
offers_all 'on off' qcow-img info --image-opts overlap-check.active-l2 =
offers_all 'luks aes' qcow-img info --image-opts encrypt.format =
offers 32M qcow-img info --image-opts driver = qcow2,l2-cache-size =
offers qcow2,cache-size= qcow-img info --image-opts driver = qcow2,cache-s
offers_all auto qcow-img map --image-opts backing.file.locking = a
offers_all 'pw' qcow-img map --object secret,id = pw,file = x --image-opts encrypt.key-secret =
offers lazy-refcounts= qcow-io --image-opts -c map lazy

# options of a new image, of an existing one, and their values
offers compat= qcow-img create -f qcow2 -o com
offers 64k,lazy_refcounts= qcow-img create -f qcow2 -o cluster_size = 64k,lazy
offers_all 'zlib zstd' qcow-img convert -O qcow2 -o compression_type =
offers_all 'off metadata falloc full' qcow-img measure -O qcow2 -o preallocation =
offers_all 'off falloc full' qcow-img create -f raw -o preallocation =
offers_all '0.10 1.1 v2 v3' qcow-img amend -o compat =
offers_all 'on off' qcow-img create -f qcow2 -o data_file_raw =
offers_all luks qcow-img create -f qcow2 -o encrypt.format =
offers_all 'active inactive' qcow-img amend -f luks -o state =
offers cipher-alg= qcow-img create --format = luks -o ci
offers compression_level= qcow-img convert -O qcow2 -o compression_l
offers nocow= qcow-img measure -O raw -o no
offers_all '' qcow-img create -f qcow2 -o nothing =
for format in qcow2 raw luks; do
    mapfile -t options < <(qcow-img create -f $format -o help disk | sed -n 's/^  \([^ =]*\)=.*/\1/p')
    [[ ${#options[@]} -gt 3 ]] || { echo "the options of $format were not found"; exit 1; }
    for option in "${options[@]}"; do
        offers "$option=" qcow-img create -f $format -o "$option"
    done
done

# formats: only those that can be made are offered for what is made
offers_all 'raw qcow2 luks' qcow-img create -f ''
offers_all 'raw qcow2 luks' qcow-img convert -O ''
offers_all 'raw qcow2 qcow luks' qcow-img convert -f ''
offers_all 'unsafe' qcow-img convert -T u
offers_all 'off metadata falloc full' qcow-img resize --preallocation =
offers_all 'if= of= bs= count= skip=' qcow-img dd ''

# objects
offers_all 'secret, tls-creds-x509, tls-creds-psk,' qcow-img info --object ''
offers_all 'a,dir=' qcow-img info --object tls-creds-psk,id = a,d
offers_all 'a,dir=' qcow-io --object tls-creds-x509,id = a,d
offers_all 'raw base64' qcow-img info --object secret,id = a,format =
offers_all client qcow-img info --object = tls-creds-psk,endpoint =

# files, with "=" in their names or not
touch disk.raw 'a=b.raw'
offers disk.raw qcow-img info di
offers disk.raw qcow-img dd if = di
offers b.raw qcow-img info a = b
offers disk.raw qcow-img info --image-opts driver = raw,file.filename = d
offers disk.raw qcow-img create -f qcow2 -o data_file = d

touch 'co:lon.raw'
offers ./co:lon.raw qcow-img info co
offers ./co:lon.raw qcow-img dd if = co
offers co:lon.raw qcow-img info --image-opts file.filename = co

# what a second TAB lists is not preceded by the rest of the list
COMP_TYPE=63
offers_all 'compat= compression_type=' qcow-img create -f qcow2 -o cluster_size = 64k,comp
COMP_TYPE=9

# names inside images
qcow-img create -q -f qcow2 disk.qcow2 1M
for name in monday 'two words' "\$(touch $work/hit)" '`touch hit`' '-x;touch hit' 'back\slash' $'line\nfeed'; do
    qcow-img snapshot -c "$name" disk.qcow2
done
qcow-img bitmap --add disk.qcow2 since-monday
qcow-img bitmap --add disk.qcow2 '$(touch hit)'
offers monday qcow-img snapshot -a mo '|' disk.qcow2
offers monday qcow-img snapshot disk.qcow2 -d ''
offers monday qcow-img convert -l m '|' disk.qcow2 new.raw
offers monday qcow-img measure --snapshot = mo '|' disk.qcow2
offers 'two\ words' qcow-img snapshot -d two '|' disk.qcow2
complete_at qcow-img snapshot -a '' '|' disk.qcow2
[ ${#COMPREPLY[@]} -eq 5 ] || { echo "five of seven names can be given: ${COMPREPLY[*]}"; exit 1; }
for word in "${COMPREPLY[@]}"; do
    eval "set -- $word"
    qcow-img snapshot -l disk.qcow2 | grep -qF -e "$1" || { echo "$word is none of the names"; exit 1; }
done
offers_all '' qcow-img snapshot -c '' '|' disk.qcow2
offers since-monday qcow-img bitmap --remove disk.qcow2 ''
offers since-monday qcow-img bitmap --merge s '|' disk.qcow2 other
offers since-monday qcow-img map --bitmap = si '|' disk.qcow2
offers_all '' qcow-img bitmap --add disk.qcow2 ''
offers_all '' qcow-img snapshot -a '' '|' disk.raw
mkfifo pipe
offers_all '' qcow-img snapshot -a '' '|' pipe
chmod 0 disk.qcow2
complete_at qcow-img snapshot -a '' '|' disk.qcow2
[ ! -e hit ] || { echo "a name was expanded"; exit 1; }

if command -v qcow-vmm >/dev/null; then
    offers -kernel qcow-vmm -k
    offers --disk qcow-vmm --d
    offers serial= qcow-vmm -drive file = x -disk se
    offers_all 'x,cache=' qcow-vmm -drive file = x,ca
    offers disk.raw qcow-vmm -initrd d
    offers_all virtio-blk-pci, qcow-vmm -device v
    offers_all 'writeback writethrough' qcow-vmm -drive file = x,cache = w
    offers disk.raw qcow-vmm --disk d
    offers disk.raw qcow-vmm -drive file = d
    offers_all 'x,write-zeroes=' qcow-vmm -device x,w
    offers_all '' qcow-vmm -m ''
fi
