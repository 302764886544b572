/* SPDX-License-Identifier: BSD-3-Clause */
/* read.c - reading the guest's view: a walk over plans */

#include <string.h>

#include "guest/compressed.h"

static int read_extent(struct guest *g, const struct extent *e, uint8_t *buf)
{
    switch (e->kind) {
    case EXTENT_UNALLOCATED: return disk_read_backing(&g->disk, buf, e->length, e->guest_offset);
    case EXTENT_ZERO: memset(buf, 0, e->length); return 0;
    case EXTENT_DATA: return store_pread(g->tables->data, buf, e->length, e->host_offset);
    case EXTENT_COMPRESSED: return guest_read_compressed(g, e, buf);
    }
    return -1;
}

int guest_read(struct guest *g, void *buf, size_t count, uint64_t offset)
{
    uint8_t *to = buf;

    while (count > 0) {
        struct plan plan;

        if (guest_plan(g, count, offset, &plan, false) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            if (read_extent(g, e, to) == -1)
                return -1;
            to += e->length;
            offset += e->length;
            count -= e->length;
        }
    }
    return 0;
}
