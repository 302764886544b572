/* SPDX-License-Identifier: BSD-3-Clause */
/* tracked.c - what bitmaps must know after a power cut */

#include "crash/tracked.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "crash/judge.h"
#include "crash/oracle.h"

/* ------------------------------------------------------------------------------------------------
 * What they must know
 */

static struct tracked *allocate(const char *name, size_t count)
{
    struct tracked *t = calloc(1, sizeof *t);

    if (t == NULL)
        abort();
    snprintf(t->name, sizeof t->name, "%s", name);
    t->count = count;
    t->users = 1;
    t->baseline = calloc(count + 1, sizeof t->baseline[0]);
    t->dirty = calloc(count + 1, sizeof t->dirty[0]);
    if (t->baseline == NULL || t->dirty == NULL)
        abort();
    return t;
}

struct tracked *tracked_new(const struct oracle *o, const char *name)
{
    struct tracked *t = allocate(name, o->sector_count);

    t->enabled = true;
    for (size_t i = 0; i < t->count; i++)
        t->baseline[i] = i < o->now.size / SECTOR ? o->sectors[i].latest : NEVER_SEEN;
    return t;
}

struct tracked *tracked_copy(const struct tracked *from)
{
    struct tracked *t = allocate(from->name, from->count);

    t->enabled = from->enabled;
    memcpy(t->baseline, from->baseline, t->count * sizeof t->baseline[0]);
    memcpy(t->dirty, from->dirty, t->count * sizeof t->dirty[0]);
    return t;
}

struct tracked *tracked_hold(struct tracked *t)
{
    t->users++;
    return t;
}

void tracked_release(struct tracked *t)
{
    if (t == NULL || --t->users > 0)
        return;
    free(t->baseline);
    free(t->dirty);
    free(t);
}

bool tracked_wants(const struct tracked *t, size_t sector, uint64_t stamp)
{
    return t->enabled ? stamp != t->baseline[sector] : t->dirty[sector];
}

void tracked_cut(struct tracked *t, size_t sector)
{
    for (size_t i = sector; i < t->count; i++) {
        t->baseline[i] = NEVER_SEEN;
        t->dirty[i] = false;
    }
}

void tracked_set(struct tracked *t, size_t sector, size_t count)
{
    t->enabled = false;
    memset(t->dirty + sector, true, count);
}

static bool wants_now(const struct tracked *t, const struct oracle *o, size_t sector)
{
    return sector < o->now.size / SECTOR && tracked_wants(t, sector, o->sectors[sector].latest);
}

void tracked_enable(struct tracked *t, const struct oracle *o, bool enable)
{
    for (size_t i = 0; i < t->count; i++) {
        bool dirty = wants_now(t, o, i);

        t->dirty[i] = dirty;
        t->baseline[i] = dirty || i >= o->now.size / SECTOR ? NEVER_SEEN : o->sectors[i].latest;
    }
    t->enabled = enable;
}

void tracked_merge(struct tracked *t, const struct tracked *from, const struct oracle *o)
{
    for (size_t i = 0; i < t->count; i++)
        if (wants_now(from, o, i)) {
            t->baseline[i] = NEVER_SEEN;
            t->dirty[i] = true;
        }
}

/* ------------------------------------------------------------------------------------------------
 * What they know
 */

static int note_bitmap(void *opaque, const qcow2_bitmap *bitmap)
{
    struct seen_bitmaps *seen = opaque;
    struct seen_bitmap *b = &seen->list[seen->count];

    if (seen->count++ == MAX_TRACKED)
        return 1;
    snprintf(b->name, sizeof b->name, "%s", bitmap->name);
    b->enabled = bitmap->flags & QCOW2_BITMAP_ENABLED;
    b->inconsistent = bitmap->flags & QCOW2_BITMAP_INCONSISTENT;
    return 0;
}

static int note_extent(void *opaque, uint64_t offset, uint64_t length, bool dirty)
{
    struct seen_bitmap *b = opaque;

    memset(b->dirty + offset / SECTOR, dirty, length / SECTOR);
    return 0;
}

static int see_bits(struct qcow2_image *image, struct seen_bitmap *b)
{
    uint64_t size = image_size(image);

    if (size / SECTOR >= b->room) {
        free(b->dirty);
        b->room = size / SECTOR + 1;
        b->dirty = malloc(b->room);
        if (b->dirty == NULL)
            abort();
    }
    return image_bitmap_extents(image, b->name, size, 0, note_extent, b);
}

int see_bitmaps(struct qcow2_image *image, struct seen_bitmaps *seen, struct verdict *verdict)
{
    seen->count = 0;
    if (image_bitmap_list(image, note_bitmap, seen) != 0)
        return verdict_set(verdict, "bitmap", "The bitmaps cannot be listed: %s", error_message());
    for (size_t i = 0; i < seen->count; i++)
        if (!seen->list[i].inconsistent && see_bits(image, &seen->list[i]) != 0)
            return verdict_set(verdict, "bitmap", "Bitmap '%s' cannot be read: %s",
                               seen->list[i].name, error_message());
    return 0;
}

void seen_bitmaps_destroy(struct seen_bitmaps *seen)
{
    for (size_t i = 0; i < MAX_TRACKED; i++)
        free(seen->list[i].dirty);
}
