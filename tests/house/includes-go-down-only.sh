#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# No file includes a header of a room above its own; commands and plugin see only qcow2.h of the
# library, the virtual machine sees nothing of it, and what is common sees nothing of anybody.
set -eu

cd "$abs_top_srcdir"

# The rooms of the library from the lowest to the highest.  From image on they speak of what qcow2.h
# tells callers; of the rest of the edge none knows.
rooms=(base format crypto store table guest image check)

fail=0
complain() {
    echo "$1 includes \"$2\": $3"
    fail=1
}

# Print "file header" for each #include of the source files under $1.  "<qcow2.h>" is ours, too.
includes_below() {
    [[ -d $1 ]] || return 0
    find "$1" -name '*.[ch]' -exec grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<][^">]+' {} + |
        sed -E 's/^([^:]*):[^"<]*["<]/\1 /'
}

is_room() {
    [[ " ${rooms[*]} " == *" $1 "* ]]
}

below=" "
for room in "${rooms[@]}"; do
    below+="$room "
    while read -r file header; do
        if [[ $header == *..* ]]; then
            complain "$file" "$header" "paths start at lib"
        elif [[ $header == */* ]] && is_room "${header%%/*}" && [[ $below != *" ${header%%/*} "* ]]; then
            complain "$file" "$header" "$room may not know ${header%%/*}"
        elif [[ $header != */* && -e lib/$header && ! ( $header == qcow2.h && $below == *" image "* ) ]]; then
            complain "$file" "$header" "$room may not know the edge"
        fi
    done < <(includes_below "lib/$room")
done

for part in cmd nbdplugin; do
    while read -r file header; do
        if [[ $header == */* ]] && [[ -e lib/$header || $header == */lib/* ]]; then
            complain "$file" "$header" "of the library $part sees qcow2.h only"
        elif [[ $header != */* && $header != qcow2.h && -e lib/$header && ! -e $part/$header ]]; then
            complain "$file" "$header" "of the library $part sees qcow2.h only"
        fi
    done < <(includes_below "$part")
done

if grep -n '^#include "' common/*.h; then
    echo "what is common knows no other room"
    fail=1
fi

while read -r file header; do
    if [[ $header == qcow2.h || $header == */lib/* || ( $header == */* && -e lib/$header ) ]]; then
        complain "$file" "$header" "the virtual machine knows nothing of qcow2"
    fi
done < <(includes_below vmm-glue)

while read -r file header; do
    if [[ -e lib/$header || -e cmd/$header || -e vmm-glue/$header ]]; then
        complain "$file" "$header" "the sandbox knows nothing of images"
    fi
done < <(includes_below sandbox)

exit $fail
