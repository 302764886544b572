# SPDX-License-Identifier: BSD-3-Clause
# Completion for bash offers what the tables of verbs and options hold.
set -eu
. "$abs_top_srcdir/cmd/qcow-img.bash"
. "$abs_top_srcdir/cmd/qcow-io.bash"
compopt() { :; }

# offers WANTED WORDS...: the last word can be completed to WANTED.
offers() {
    local wanted=$1
    shift
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    "_${1/-/_}"
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
