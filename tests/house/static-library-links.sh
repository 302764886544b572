#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A program links the installed static library with what pkg-config --static says, and nothing else: it
# makes an image with each type of compression, and reads it.
set -eu
command -v pkg-config >/dev/null || { echo "SKIP: pkg-config is not installed"; exit 77; }
[[ -e $abs_top_builddir/lib/.libs/libqcow2.a ]] || { echo "SKIP: the static library is not built"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$abs_top_builddir/lib" install \
    libdir="$work/lib" includedir="$work/include" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
rm -f "$work"/lib/*.so*

said() {
    PKG_CONFIG_PATH="$work/lib/pkgconfig:${PKG_CONFIG_PATH-}" pkg-config --define-variable=libdir="$work/lib" \
        --define-variable=includedir="$work/include" "$@" libqcow2
}

cat >"$work/program.c" <<'END'
#include <qcow2.h>
#include <stdio.h>
#include <string.h>

static char data[65536], back[65536];

static int try(const char *type)
{
    qcow2_create_options *creation = qcow2_create_options_new();
    qcow2_image *image;

    if (qcow2_create_options_set(creation, "size", "1048576") ||
        qcow2_create_options_set(creation, "compression_type", type) || qcow2_create("disk", creation))
        return -1;
    qcow2_create_options_free(creation);
    image = qcow2_open("disk", NULL);
    memset(data, 7, sizeof data);
    return !image || qcow2_pwrite_compressed(image, data, sizeof data, 0, 0) ||
           qcow2_pread(image, back, sizeof back, 0, 0) || memcmp(data, back, sizeof data) ||
           qcow2_close(image);
}

int main(void)
{
    if (try("zlib") || try("zstd")) {
        fprintf(stderr, "%s\n", qcow2_get_error());
        return 1;
    }
    return 0;
}
END
read -ra libraries <<<"$(said --static --libs)"
read -ra cflags <<<"$(said --cflags) ${CFLAGS-}"
echo "${libraries[*]}"
${CC:-cc} "${cflags[@]}" "$work/program.c" -o "$work/program" "${libraries[@]}"
cd "$work"
./program
! ldd ./program | grep -q libqcow2 || { echo "the shared library was linked"; exit 1; }
