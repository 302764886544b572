/* SPDX-License-Identifier: BSD-3-Clause */
/* tracked.h - what bitmaps must know after a power cut
 *
 * A bitmap that is not marked as in use covers every sector that changed since it was added or
 * cleared: a sector which shows another stamp than then has its bit set.  One that is enabled may
 * be marked at any time that the image is in use; one that is disabled may not, and keeps its bits.
 */

#ifndef CRASH_TRACKED_H
#define CRASH_TRACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_TRACKED 4
#define NEVER_SEEN \
    UINT64_MAX /* no stamp: the sector was not part of the disk, or is dirty anyway */

/* What a bitmap is compared with.  Does not change once a view holds it. */
struct tracked {
    char name[16];
    bool enabled;
    size_t count;       /* sectors of the largest disk */
    uint64_t *baseline; /* stamps when it was added or cleared */
    bool *dirty;        /* of one that is disabled: the bits it must have */
    unsigned users;     /* views that hold it */
};

struct oracle;

/* Compared with the disk as it was last written. */
struct tracked *tracked_new(const struct oracle *oracle, const char *name);
struct tracked *tracked_copy(const struct tracked *tracked);
struct tracked *tracked_hold(struct tracked *tracked);
void tracked_release(struct tracked *tracked);

/* Must the sector's bit be set when it shows this stamp? */
bool tracked_wants(const struct tracked *tracked, size_t sector, uint64_t stamp);
/* The disk ends at a sector. */
void tracked_cut(struct tracked *tracked, size_t sector);
/* Disabled; so many sectors from one on must have bits. */
void tracked_set(struct tracked *tracked, size_t sector, size_t count);
/* From now on changes count, or do not count. */
void tracked_enable(struct tracked *tracked, const struct oracle *oracle, bool enable);
/* Another's bits are set, too. */
void tracked_merge(struct tracked *tracked, const struct tracked *from,
                   const struct oracle *oracle);

/* What a reader sees of the bitmaps. */
struct seen_bitmap {
    char name[16];
    bool enabled;
    bool inconsistent;
    bool *dirty; /* of each sector */
    size_t room;
};

struct seen_bitmaps {
    struct seen_bitmap list[MAX_TRACKED];
    size_t count;
};

struct qcow2_image;
struct verdict;

int see_bitmaps(struct qcow2_image *image, struct seen_bitmaps *seen, struct verdict *verdict);
void seen_bitmaps_destroy(struct seen_bitmaps *seen);

#endif
