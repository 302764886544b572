/* SPDX-License-Identifier: BSD-3-Clause */
/* session-amend.c - an image in use that becomes another one: version, refcounts, size, laziness */

#include <inttypes.h>

#include "crash/random.h"
#include "crash/session.h"

/* As a program has left them that knows version 2 only: going up writes a new snapshot table. */
static void forget_extra_data(struct session *s)
{
    for (uint32_t i = 0; s->version < 3 && i < s->image->snapshots.count; i++)
        s->image->snapshots.entries[i].extra_size = 0;
}

/* Version 2 has no bitmaps. */
static void forget_bitmaps(struct view *next)
{
    while (next->bitmap_count > 0)
        tracked_release(next->bitmaps[--next->bitmap_count]);
}

/* The next view has the size that is asked for; but for it the guest sees no difference. */
static void amend(struct session *s, const struct qcow2_amend_options *options)
{
    uint64_t size = options->has_size ? options->size / SECTOR : session_size(s);
    uint64_t cut_off = session_size(s) > size ? session_size(s) - size : 0;
    struct view next;
    int r;

    forget_extra_data(s);
    next = oracle_copy_view(&s->oracle);
    next.size = size * SECTOR;
    if (options->version < 3)
        forget_bitmaps(&next);
    for (uint64_t i = 0; i < cut_off; i++)
        oracle_issue(&s->oracle, size + i, 0); /* it may be gone before the disk is smaller */
    oracle_propose(&s->oracle, &next);
    r = image_amend(s->image, options, NULL, NULL);
    if (r == 0) {
        s->version = options->version;
        s->refcount_bits = options->refcount_bits;
    } else {
        oracle_doubt(&s->oracle, size, cut_off);
    }
    session_end_change(s, "Amending", r, true);
}

void session_amend(struct session *s, uint32_t version, uint32_t refcount_bits)
{
    if (session_ask(s, "amend version %u, refcounts of %u bits", version, refcount_bits))
        amend(s,
              &(struct qcow2_amend_options){ .version = version, .refcount_bits = refcount_bits });
}

void session_amend_all(struct session *s)
{
    static const enum amend_switch lazy[] = { AMEND_AS_IT_IS, AMEND_ON, AMEND_OFF };
    uint64_t least = s->shape->size / 2, most = s->oracle.sector_count;
    struct qcow2_amend_options o = { .version = 2 + (random_below(&s->random, 3) > 0) };

    o.refcount_bits = o.version < 3 ? 16 : 1u << random_below(&s->random, 7);
    o.lazy_refcounts = o.version < 3 ? AMEND_AS_IT_IS : lazy[random_below(&s->random, 3)];
    /* downwards bitmaps go at the second instant, the first of which is the size's */
    o.has_size = random_below(&s->random, 4) > 0 && (o.version > 2 || session_bitmaps(s) == 0);
    o.size = (least + random_below(&s->random, most - least)) * SECTOR;
    if (session_ask(s, "amend version %u, refcounts of %u bits, lazy %d, size %#" PRIx64, o.version,
                    o.refcount_bits, (int)o.lazy_refcounts, o.has_size ? o.size : 0))
        amend(s, &o);
}
