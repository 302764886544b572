/* SPDX-License-Identifier: BSD-3-Clause */
/* extents.h - the extents of an image one after the other, pulled instead of pushed
 *
 * qcow2_map calls back; who walks two images at once, or stops in the middle of an extent, would
 * rather ask.  A walk keeps a handful of extents, so its memory does not grow with the image.
 */

#ifndef QCOW_CMD_EXTENTS_H
#define QCOW_CMD_EXTENTS_H

#include <stdint.h>

#include "qcow2.h"

#define EXTENTS_KEPT 256

typedef struct {
    qcow2_image *image;
    uint64_t size;  /* bytes of the image */
    uint32_t flags; /* QCOW2_MAP_... */
    unsigned next;  /* the first kept extent that may still be asked for */
    unsigned count;
    qcow2_extent kept[EXTENTS_KEPT];
} extents;

void extents_begin(extents *walk, qcow2_image *image, uint32_t flags);

/* The extent that holds guest_offset, which lies inside the image and never goes backwards.  NULL
 * when the library could not tell. */
const qcow2_extent *extents_at(extents *walk, uint64_t guest_offset);

/* What is kept may have changed: map it again. */
static inline void extents_forget(extents *walk)
{
    walk->next = walk->count = 0;
}

static inline uint64_t extent_end(const qcow2_extent *extent)
{
    return extent->guest_offset + extent->length;
}

#endif /* QCOW_CMD_EXTENTS_H */
