/* SPDX-License-Identifier: BSD-3-Clause */
/* extents.c - the extents of an image one after the other, pulled instead of pushed */

#include "extents.h"

void extents_begin(extents *walk, qcow2_image *image)
{
    walk->image = image;
    walk->size = qcow2_get_size(image);
    walk->next = walk->count = 0;
}

static int keep(void *opaque, const qcow2_extent *extent)
{
    extents *walk = opaque;

    walk->kept[walk->count++] = *extent;
    return walk->count == EXTENTS_KEPT;
}

const qcow2_extent *extents_at(extents *walk, uint64_t guest_offset)
{
    while (walk->next < walk->count && extent_end(&walk->kept[walk->next]) <= guest_offset)
        walk->next++;
    if (walk->next == walk->count) {
        walk->next = walk->count = 0;
        /* What was learnt before a failure is used first; the failure comes up again after it. */
        qcow2_map(walk->image, walk->size - guest_offset, guest_offset, 0, keep, walk);
    }
    return walk->count > 0 ? &walk->kept[walk->next] : NULL;
}
