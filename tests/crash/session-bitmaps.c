/* SPDX-License-Identifier: BSD-3-Clause */
/* session-bitmaps.c - bitmaps of an image in use */

#include <inttypes.h>
#include <stdio.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/random.h"
#include "crash/session.h"
#include "store/memory.h"

/* The next view has another bitmap in this place. */
static struct tracked *replace(struct view *next, size_t index, struct tracked *new)
{
    tracked_release(next->bitmaps[index]);
    next->bitmaps[index] = new;
    return new;
}

void session_bitmap_add(struct session *s)
{
    uint64_t granularity = SECTOR << random_below(&s->random, 5);
    struct view next;
    char name[16];

    if (session_bitmaps(s) == MAX_TRACKED || s->version < 3)
        return;
    snprintf(name, sizeof name, "b%u", s->bitmaps_made++);
    if (!session_ask(s, "bitmap add %s, %" PRIu64, name, granularity))
        return;
    next = oracle_copy_view(&s->oracle);
    next.bitmaps[next.bitmap_count++] = tracked_new(&s->oracle, name);
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Adding a bitmap",
                       image_bitmap_add(s->image, name, granularity, QCOW2_BITMAP_ENABLED), false);
}

void session_bitmap_remove(struct session *s, size_t index)
{
    struct view next;
    char name[16];

    if (index >= session_bitmaps(s))
        return;
    snprintf(name, sizeof name, "%s", s->oracle.now.bitmaps[index]->name);
    if (!session_ask(s, "bitmap remove %s", name))
        return;
    next = oracle_copy_view(&s->oracle);
    tracked_release(next.bitmaps[index]);
    next.bitmap_count--;
    for (size_t i = index; i < next.bitmap_count; i++)
        next.bitmaps[i] = next.bitmaps[i + 1];
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Removing a bitmap", image_bitmap_remove(s->image, name), false);
}

void session_bitmap_clear(struct session *s, size_t index)
{
    struct view next;
    struct tracked *old;

    if (index >= session_bitmaps(s))
        return;
    old = s->oracle.now.bitmaps[index];
    if (!session_ask(s, "bitmap clear %s", old->name))
        return;
    next = oracle_copy_view(&s->oracle);
    replace(&next, index, tracked_new(&s->oracle, old->name))->enabled = old->enabled;
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Clearing a bitmap", image_bitmap_clear(s->image, old->name), false);
}

void session_bitmap_toggle(struct session *s, size_t index)
{
    struct view next;
    struct tracked *old;

    if (index >= session_bitmaps(s))
        return;
    old = s->oracle.now.bitmaps[index];
    if (!session_ask(s, "bitmap %s %s", old->enabled ? "disable" : "enable", old->name))
        return;
    next = oracle_copy_view(&s->oracle);
    tracked_enable(replace(&next, index, tracked_copy(old)), &s->oracle, !old->enabled);
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Enabling or disabling a bitmap",
                       image_bitmap_enable(s->image, old->name, !old->enabled), false);
}

void session_bitmap_merge(struct session *s, size_t index, size_t from)
{
    struct tracked *old, *other;
    struct view next;

    if (index >= session_bitmaps(s) || from >= session_bitmaps(s))
        return;
    old = s->oracle.now.bitmaps[index];
    other = s->oracle.now.bitmaps[from];
    if (!session_ask(s, "bitmap merge %s into %s", other->name, old->name))
        return;
    next = oracle_copy_view(&s->oracle);
    tracked_merge(replace(&next, index, tracked_copy(old)), other, &s->oracle);
    oracle_propose(&s->oracle, &next);
    session_end_change(s, "Merging bitmaps",
                       image_bitmap_merge(s->image, old->name, s->image, other->name), false);
}

/* ------------------------------------------------------------------------------------------------
 * Another image, which no cut hits
 */

static int set_some_bits(struct session *s, struct qcow2_image *image, struct tracked *tracked)
{
    uint64_t granularity = SECTOR << random_below(&s->random, 5), size = session_size(s);

    tracked_set(tracked, 0, 0);
    if (image_bitmap_add(image, tracked->name, granularity, QCOW2_BITMAP_ENABLED) == -1)
        return -1;
    for (int i = 0; i < 4; i++) {
        uint64_t at = random_below(&s->random, size);
        uint64_t count = 1 + random_below(&s->random, min_u64(size - at, size / 8 + 1));

        if (image_zero(image, count * SECTOR, at * SECTOR, 0) == -1)
            return -1;
        tracked_set(tracked, at, count);
    }
    return 0;
}

/* Its store is the image's. */
static struct qcow2_image *make_other(struct session *s)
{
    const struct qcow2_create_options options = { .format = FORMAT_QCOW2,
                                                  .size = s->oracle.now.size,
                                                  .version = 3,
                                                  .cluster_size = 4096,
                                                  .refcount_bits = 16 };
    struct store *store = store_memory_new("other.qcow2");

    if (store == NULL)
        return NULL;
    if (image_format_store(store, &options) == -1) {
        store_close(store);
        return NULL;
    }
    return image_open_store(store, &(struct qcow2_open_options){ .format = FORMAT_QCOW2 });
}

void session_bitmap_merge_across(struct session *s, size_t index)
{
    struct tracked *other, *old;
    struct qcow2_image *image;
    struct view next;

    if (index >= session_bitmaps(s))
        return;
    old = s->oracle.now.bitmaps[index];
    if (!session_ask(s, "bitmap merge of another image into %s", old->name))
        return;
    other = tracked_new(&s->oracle, "other");
    image = make_other(s);
    if (image == NULL || set_some_bits(s, image, other) == -1) {
        session_wrong(s, "live", "There is no other image: %s", error_message());
    } else {
        next = oracle_copy_view(&s->oracle);
        tracked_merge(replace(&next, index, tracked_copy(old)), other, &s->oracle);
        oracle_propose(&s->oracle, &next);
        session_end_change(s, "Merging the bitmap of another image",
                           image_bitmap_merge(s->image, old->name, image, other->name), false);
    }
    if (image != NULL)
        image_close(image);
    tracked_release(other);
}

/* ------------------------------------------------------------------------------------------------
 * After closing
 */

static void check_bitmap(struct session *s, const struct seen_bitmap *seen,
                         const struct tracked *tracked)
{
    if (seen->inconsistent) {
        session_wrong(s, "bitmap", "Bitmap '%s' is still marked after closing", seen->name);
        return;
    }
    for (uint64_t i = 0; i < session_size(s); i++)
        if (!seen->dirty[i] && tracked_wants(tracked, i, s->oracle.sectors[i].latest))
            session_wrong(s, "bitmap",
                          "After closing, bitmap '%s' is clean at guest offset 0x%" PRIx64,
                          seen->name, i * SECTOR);
}

void session_check_bitmaps(struct session *s)
{
    struct seen_bitmaps seen = { 0 };
    struct qcow2_image *image;

    if (session_bitmaps(s) == 0)
        return;
    image = judge_open(session_image(s), s->backing, QCOW2_OPEN_READ_ONLY, NULL, NULL);
    if (image == NULL) {
        session_wrong(s, "live", "It does not open any more: %s", error_message());
        return;
    }
    if (see_bitmaps(image, &seen, &s->verdict) == 0 && seen.count != session_bitmaps(s))
        session_wrong(s, "bitmap", "There are %zu bitmaps, not %zu", seen.count,
                      session_bitmaps(s));
    for (size_t i = 0; i < session_bitmaps(s) && s->verdict.rule == NULL; i++)
        check_bitmap(s, &seen.list[i], s->oracle.now.bitmaps[i]);
    image_close(image);
    seen_bitmaps_destroy(&seen);
}
