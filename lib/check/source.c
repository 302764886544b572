/* SPDX-License-Identifier: BSD-3-Clause */
/* source.c - the file under check: reading it without reading its holes */

#include "check/source.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"

#define WORD 8u
#define PIECE_BYTES 32768u /* of a table read at once */

int source_init(struct source *source, struct store *store)
{
    *source = (struct source){ .store = store };
    return store_size(store, &source->length);
}

int source_read(struct source *source, void *buf, size_t count, uint64_t offset)
{
    return store_pread(source->store, buf, count, offset);
}

uint64_t source_skip_zeroes(struct source *source, uint64_t offset, uint64_t end)
{
    while (offset < end && offset < source->length) {
        if (offset < source->start || offset >= source->end) {
            struct store_extent extent = { 0 };

            /* a store that cannot tell has data everywhere */
            if (store_extent_at(source->store, source->length - offset, offset, &extent) == -1 ||
                extent.length == 0)
                return offset;
            source->start = offset;
            source->end = offset + extent.length;
            source->hole = extent.hole;
        }
        if (!source->hole)
            return offset;
        offset = min_u64(source->end, end);
    }
    return offset < end ? end : offset;
}

static int visit_piece(const uint8_t *piece, uint64_t count, uint64_t offset, uint64_t weight,
                       source_word *visit, void *opaque)
{
    for (uint64_t i = 0; i < count; i += WORD) {
        uint64_t word = load_be64(piece + i);

        if (word != 0 && visit(opaque, offset + i, word, weight) == -1)
            return -1;
    }
    return 0;
}

int source_visit_words(struct source *source, uint64_t start, uint64_t end, uint64_t weight,
                       source_word *visit, void *opaque)
{
    uint64_t size = min_u64(end - start, PIECE_BYTES);
    CLEANUP_FREE uint8_t *piece = malloc(size);

    if (piece == NULL)
        return error_no_memory(), -1;
    for (;;) {
        uint64_t count;

        start = round_down(source_skip_zeroes(source, start, end), WORD);
        if (start >= end)
            return 0;
        count = min_u64(end - start, size);
        if (source_read(source, piece, count, start) == -1 ||
            visit_piece(piece, count, start, weight, visit, opaque) == -1)
            return -1;
        start += count;
    }
}
