/* SPDX-License-Identifier: BSD-3-Clause */
/* layers.c - what the upper part of a chain of disks holds of a range */

#include "guest/layers.h"

#include "base/bits.h"
#include "base/error.h"

/* What one disk says of the range, and for how much of it. */
static int look_at(struct disk *disk, uint64_t count, uint64_t offset, uint64_t *length)
{
    struct plan plan;

    *length = count;
    if (offset >= disk->size)
        return LAYERS_ZEROES;
    if (disk_plan(disk, min_u64(count, disk->size - offset), offset, &plan) == -1)
        return -1;
    *length = plan.extents[0].length;
    switch (plan.extents[0].kind) {
    case EXTENT_UNALLOCATED: return LAYERS_NOTHING;
    case EXTENT_ZERO: return LAYERS_ZEROES;
    case EXTENT_DATA:
    case EXTENT_COMPRESSED: break;
    }
    return LAYERS_DATA;
}

int layers_look(struct disk *top, const struct disk *base, uint64_t count, uint64_t offset,
                uint64_t *length)
{
    *length = count;
    for (struct disk *disk = top; disk != base; disk = disk->backing) {
        int held = disk == NULL ? LAYERS_ZEROES : look_at(disk, count, offset, length);

        if (held != LAYERS_NOTHING)
            return held;
        if (disk->backing_missing)
            return disk_refuse_missing(disk, offset);
        count = *length;
    }
    return LAYERS_NOTHING;
}
