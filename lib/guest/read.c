/* SPDX-License-Identifier: BSD-3-Clause */
/* read.c - reading the guest's view: a walk over plans */

#include "guest/read.h"

#include <string.h>

#include "guest/guest.h"

static int read_data(struct store *data, struct cipher *cipher, const struct extent *e,
                     uint8_t *buf)
{
    if (cipher != NULL)
        return crypt_read(data, cipher, buf, e->length, e->host_offset, e->guest_offset);
    return store_pread(data, buf, e->length, e->host_offset);
}

static int read_extent(struct disk *disk, struct store *data, struct cipher *cipher,
                       struct streams *streams, const struct extent *e, uint8_t *buf)
{
    switch (e->kind) {
    case EXTENT_UNALLOCATED: return disk_read_backing(disk, buf, e->length, e->guest_offset);
    case EXTENT_ZERO: memset(buf, 0, e->length); return 0;
    case EXTENT_DATA: return read_data(data, cipher, e, buf);
    case EXTENT_COMPRESSED: return streams_read(streams, e, buf);
    }
    return -1;
}

int read_planned(struct disk *disk, struct store *data, struct cipher *cipher,
                 struct streams *streams, void *buf, size_t count, uint64_t offset)
{
    uint8_t *to = buf;

    while (count > 0) {
        struct plan plan;

        if (disk_plan(disk, count, offset, &plan) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            if (read_extent(disk, data, cipher, streams, e, to) == -1)
                return -1;
            to += e->length;
            offset += e->length;
            count -= e->length;
        }
    }
    return 0;
}

int guest_read(struct guest *g, void *buf, size_t count, uint64_t offset)
{
    return read_planned(&g->disk, g->tables->data, g->cipher, &g->streams, buf, count, offset);
}
