/* SPDX-License-Identifier: BSD-3-Clause */
/* source.c - the file under check: reading it without reading its holes */

#include "check/source.h"

#include "base/bits.h"

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
