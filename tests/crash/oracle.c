/* SPDX-License-Identifier: BSD-3-Clause */
/* oracle.c - what an image may show after a power cut */

#include "crash/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int oracle_init(struct oracle *o, uint64_t size, uint64_t max_size)
{
    *o = (struct oracle){ .now.size = size, .sector_count = max_size / SECTOR };
    o->sectors = calloc(o->sector_count, sizeof o->sectors[0]);
    return o->sectors ? 0 : (error_no_memory(), -1);
}

/* ------------------------------------------------------------------------------------------------
 * Sectors
 */

static void forget_issued(struct sector *s)
{
    while (s->issued != NULL) {
        struct issued *issued = s->issued;

        s->issued = issued->older;
        free(issued);
    }
}

void oracle_issue(struct oracle *o, uint64_t sector, uint64_t stamp)
{
    struct sector *s = &o->sectors[sector];
    struct issued *issued = malloc(sizeof *issued);

    if (issued == NULL)
        abort();
    *issued = (struct issued){ .stamp = stamp, .moment = o->moment, .older = s->issued };
    s->issued = issued;
    s->latest = stamp;
    s->doubtful = false;
}

void oracle_doubt(struct oracle *o, uint64_t sector, uint64_t count)
{
    for (uint64_t i = sector; i < sector + count; i++)
        o->sectors[i].doubtful = true;
}

void oracle_settle(struct oracle *o, uint64_t sector, uint64_t count)
{
    for (uint64_t i = sector; i < sector + count; i++) {
        struct sector *s = &o->sectors[i];

        if (s->issued == NULL || s->doubtful)
            continue;
        s->settled = s->latest;
        forget_issued(s);
    }
}

void oracle_settle_all(struct oracle *o)
{
    oracle_settle(o, 0, o->sector_count);
}

/* ------------------------------------------------------------------------------------------------
 * Views
 */

struct frozen *oracle_freeze(const struct oracle *o, const char *name)
{
    struct frozen *f = calloc(1, sizeof *f);
    size_t count = o->now.size / SECTOR;

    if (f == NULL)
        abort();
    f->size = o->now.size;
    f->users = 1;
    f->stamps = calloc(count + 1, sizeof f->stamps[0]);
    if (f->stamps == NULL)
        abort();
    snprintf(f->name, sizeof f->name, "%s", name);
    for (size_t i = 0; i < count; i++)
        f->stamps[i] = o->sectors[i].latest;
    return f;
}

struct frozen *frozen_hold(struct frozen *frozen)
{
    if (frozen != NULL)
        frozen->users++;
    return frozen;
}

void frozen_release(struct frozen *frozen)
{
    if (frozen == NULL || --frozen->users > 0)
        return;
    free(frozen->stamps);
    free(frozen);
}

static void view_release(struct view *view)
{
    frozen_release(view->exactly);
    for (size_t i = 0; i < view->count; i++)
        frozen_release(view->snapshots[i]);
    for (size_t i = 0; i < view->bitmap_count; i++)
        tracked_release(view->bitmaps[i]);
    *view = (struct view){ 0 };
}

struct view oracle_copy_view(const struct oracle *o)
{
    struct view copy = o->now;

    frozen_hold(copy.exactly);
    for (size_t i = 0; i < copy.count; i++)
        frozen_hold(copy.snapshots[i]);
    for (size_t i = 0; i < copy.bitmap_count; i++)
        tracked_hold(copy.bitmaps[i]);
    copy.moment = o->moment;
    return copy;
}

/* A disk that becomes smaller takes the bits of what is cut off with it. */
static void cut_bitmaps(const struct oracle *o, struct view *next)
{
    for (size_t i = 0; i < next->bitmap_count && next->size < o->now.size; i++) {
        struct tracked *whole = next->bitmaps[i];

        next->bitmaps[i] = tracked_copy(whole);
        tracked_cut(next->bitmaps[i], next->size / SECTOR);
        tracked_release(whole);
    }
}

void oracle_propose(struct oracle *o, struct view *next)
{
    cut_bitmaps(o, next);
    o->next = *next;
    o->changing = true;
}

/* All that the view says of the active disk becomes the sectors' own. */
static void adopt_content(struct oracle *o, const struct view *view)
{
    for (size_t i = 0; i < o->sector_count; i++) {
        struct sector *s = &o->sectors[i];
        bool inside = i < view->size / SECTOR;

        if (view->exactly == NULL && inside)
            continue;
        forget_issued(s);
        s->settled = s->latest = inside ? view->exactly->stamps[i] : 0;
        s->doubtful = false;
    }
}

void oracle_accept(struct oracle *o)
{
    view_release(&o->now);
    o->now = o->next;
    o->next = (struct view){ 0 };
    o->changing = false;
    adopt_content(o, &o->now);
    frozen_release(o->now.exactly);
    o->now.exactly = NULL;
}

void oracle_withdraw(struct oracle *o)
{
    view_release(&o->next);
    o->changing = false;
}

void oracle_accept_below(struct oracle *o)
{
    for (enum part part = PART_IMAGE; part < PARTS; part++) {
        struct below *below = &o->below[part];

        if (below->next == NULL)
            continue;
        frozen_release(below->now);
        *below = (struct below){ .now = below->next };
    }
}

bool oracle_admits(const struct oracle *o, const struct view *view, uint64_t sector, uint64_t stamp,
                   uint64_t moment)
{
    const struct sector *s = &o->sectors[sector];

    if (view->exactly != NULL)
        return stamp == view->exactly->stamps[sector];
    if (stamp == s->settled)
        return true;
    for (const struct issued *i = s->issued; i != NULL; i = i->older)
        if (i->stamp == stamp && i->moment <= moment)
            return true;
    return false;
}

void oracle_resolve(struct oracle *o, uint64_t sector, uint64_t stamp)
{
    struct sector *s = &o->sectors[sector];

    if (!s->doubtful || !oracle_admits(o, &o->now, sector, stamp, o->moment))
        return;
    s->latest = stamp;
    s->doubtful = false;
}

void oracle_destroy(struct oracle *o)
{
    for (size_t i = 0; o->sectors && i < o->sector_count; i++)
        forget_issued(&o->sectors[i]);
    free(o->sectors);
    if (o->changing)
        view_release(&o->next);
    view_release(&o->now);
    for (enum part part = PART_IMAGE; part < PARTS; part++) {
        frozen_release(o->below[part].now);
        frozen_release(o->below[part].next);
    }
}
