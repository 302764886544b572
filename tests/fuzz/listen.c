/* SPDX-License-Identifier: BSD-3-Clause */
/* listen.c - what is said on standard output or error, gathered in memory meanwhile */

#include "fuzz/listen.h"

#include "fuzz/fuzz.h"
#include "utf8.h"

void listen_begin(struct listening *l, FILE **stream)
{
    *l = (struct listening){ .stream = stream, .before = *stream };
    *stream = open_memstream(&l->text, &l->size);
    fuzz_require(*stream != NULL);
}

void listen_end(struct listening *l, bool harmless)
{
    uint32_t character;
    size_t length;

    fuzz_require(fclose(*l->stream) == 0);
    *l->stream = l->before;
    for (size_t at = 0; harmless && at < l->size; at += length) {
        length = utf8_decode((unsigned char *)l->text + at, &character);
        fuzz_require(length > 0);
        fuzz_require(character == '\n' ||
                     (character >= ' ' && (character < 0x7f || character > 0x9f)));
    }
    free(l->text);
}
