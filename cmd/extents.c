/* SPDX-License-Identifier: BSD-3-Clause */
/* extents.c - the extents of an image one after the other, pulled instead of pushed */

#include "bytes.h"
#include "extents.h"

#define SMALLEST_WALK 512

void extents_begin(extents *walk, qcow2_image *image, uint32_t flags)
{
    walk->image = image;
    walk->size = qcow2_get_size(image);
    walk->flags = flags;
    walk->next = walk->count = 0;
}

static int keep(void *opaque, const qcow2_extent *extent)
{
    extents *walk = opaque;

    walk->kept[walk->count++] = *extent;
    return walk->count == EXTENTS_KEPT;
}

/* A walk that fails may keep to itself what it saw before the damage: then ask for less. */
static void refill(extents *walk, uint64_t guest_offset)
{
    uint64_t count = walk->size - guest_offset;

    walk->next = walk->count = 0;
    while (qcow2_map(walk->image, count, guest_offset, walk->flags, keep, walk) == -1 &&
           walk->count == 0 && count > SMALLEST_WALK)
        count = round_up(count / 2, SMALLEST_WALK);
}

const qcow2_extent *extents_at(extents *walk, uint64_t guest_offset)
{
    while (walk->next < walk->count && extent_end(&walk->kept[walk->next]) <= guest_offset)
        walk->next++;
    if (walk->next == walk->count)
        refill(walk, guest_offset);
    return walk->count > 0 ? &walk->kept[walk->next] : NULL;
}
