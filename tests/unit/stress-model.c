/* SPDX-License-Identifier: BSD-3-Clause */
/* stress-model.c - what a disk may show while many threads change it */

#include "stress-model.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define STRIPES 256u
#define NEVER UINT64_MAX

/* A word: the tag, the low bits of the granule's number, the word's number. */
#define TAG_SHIFT 24u

struct record {
    uint64_t tag;
    uint64_t begin;
    uint64_t end; /* NEVER: under way */
};

struct history {
    struct record *records;
    uint32_t count;
    uint32_t capacity;
};

struct model {
    uint32_t words; /* of a granule */
    uint64_t granules;
    struct history *histories;
    pthread_mutex_t stripes[STRIPES]; /* history i is guarded by stripe i % STRIPES */
    _Atomic uint64_t clock;
    unsigned threads;
    _Atomic uint64_t *entered; /* by thread: not later than its operation began; NEVER: none */
};

struct model *model_new(uint64_t size, uint32_t granule, unsigned threads)
{
    struct model *model = calloc(1, sizeof *model);

    model->words = granule / 8;
    model->granules = size / granule;
    model->histories = calloc(model->granules, sizeof model->histories[0]);
    model->threads = threads;
    model->entered = calloc(threads, sizeof model->entered[0]);
    atomic_init(&model->clock, 1);
    for (unsigned i = 0; i < threads; i++)
        atomic_init(&model->entered[i], NEVER);
    for (unsigned i = 0; i < STRIPES; i++)
        pthread_mutex_init(&model->stripes[i], NULL);
    return model;
}

void model_free(struct model *model)
{
    for (uint64_t i = 0; i < model->granules; i++)
        free(model->histories[i].records);
    for (unsigned i = 0; i < STRIPES; i++)
        pthread_mutex_destroy(&model->stripes[i]);
    free(model->histories);
    free(model->entered);
    free(model);
}

/* ------------------------------------------------------------------------------------------------
 * Time
 */

uint64_t model_now(struct model *model)
{
    return atomic_fetch_add(&model->clock, 1);
}

uint64_t model_enter(struct model *model, unsigned thread)
{
    atomic_store(&model->entered[thread], atomic_load(&model->clock));
    return model_now(model);
}

void model_leave(struct model *model, unsigned thread)
{
    atomic_store(&model->entered[thread], NEVER);
}

/* No operation that is under way, or will come, began before. */
static uint64_t horizon(struct model *model)
{
    uint64_t earliest = NEVER;

    for (unsigned i = 0; i < model->threads; i++) {
        uint64_t entered = atomic_load(&model->entered[i]);

        earliest = entered < earliest ? entered : earliest;
    }
    return earliest;
}

/* ------------------------------------------------------------------------------------------------
 * Histories
 */

/* When the last change began that had ended before a time. */
static uint64_t last_ended(const struct history *h, uint64_t time)
{
    uint64_t begin = 0;

    for (uint32_t i = 0; i < h->count; i++)
        if (h->records[i].end < time && h->records[i].begin > begin)
            begin = h->records[i].begin;
    return begin;
}

/* Forget what nobody can see any more. */
static void prune(struct history *h, uint64_t time)
{
    uint64_t settled = last_ended(h, time);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < h->count; i++)
        if (h->records[i].end >= settled)
            h->records[kept++] = h->records[i];
    h->count = kept;
}

static void append(struct history *h, struct record record)
{
    if (h->count == h->capacity) {
        h->capacity = h->capacity ? 2 * h->capacity : 4;
        h->records = realloc(h->records, h->capacity * sizeof h->records[0]);
        if (h->records == NULL)
            abort();
    }
    h->records[h->count++] = record;
}

void model_change_begin(struct model *model, const struct change *change)
{
    uint64_t time = horizon(model);

    for (uint64_t i = 0; i < change->count; i++) {
        uint64_t granule = change->first + i;
        uint64_t tag = change->tags ? change->tags[i] : change->tag;
        LOCK_SCOPE(&model->stripes[granule % STRIPES]);

        prune(&model->histories[granule], time);
        append(&model->histories[granule], (struct record){ tag, change->begin, NEVER });
    }
}

void model_change_end(struct model *model, const struct change *change)
{
    uint64_t now = model_now(model);

    for (uint64_t i = 0; i < change->count; i++) {
        uint64_t granule = change->first + i;
        struct history *h = &model->histories[granule];
        LOCK_SCOPE(&model->stripes[granule % STRIPES]);

        for (uint32_t k = 0; k < h->count; k++)
            if (h->records[k].begin == change->begin && h->records[k].end == NEVER)
                h->records[k].end = now;
    }
}

/* ------------------------------------------------------------------------------------------------
 * Content
 */

static uint64_t word(uint64_t granule, uint32_t i, uint64_t tag)
{
    return tag ? tag << TAG_SHIFT | (granule & 0xffff) << 8 | i : 0;
}

void model_fill(const struct model *model, uint64_t first, uint64_t count, uint64_t tag,
                uint8_t *buf)
{
    for (uint64_t granule = first; granule < first + count; granule++)
        for (uint32_t i = 0; i < model->words; i++, buf += 8) {
            uint64_t value = word(granule, i, tag);

            memcpy(buf, &value, sizeof value);
        }
}

uint64_t model_tag(const struct model *model, const uint8_t *granule)
{
    uint64_t value;

    (void)model;
    memcpy(&value, granule, sizeof value);
    return value >> TAG_SHIFT;
}

static bool complain(const struct model *model, uint64_t granule, const char *what, uint64_t value,
                     uint64_t begin, uint64_t end)
{
    const struct history *h = &model->histories[granule];

    fprintf(stderr,
            "granule %" PRIu64 " (guest offset 0x%" PRIx64 "), read from %" PRIu64 " to %" PRIu64
            ": %s: 0x%016" PRIx64 " (tag %" PRIu64 ")\n",
            granule, granule * model->words * 8, begin, end, what, value, value >> TAG_SHIFT);
    for (uint32_t i = 0; i < h->count; i++)
        fprintf(stderr, "  tag %" PRIu64 " from %" PRIu64 " to %" PRId64 "\n", h->records[i].tag,
                h->records[i].begin, (int64_t)h->records[i].end);
    return false;
}

/* The tag was there between begin and end.  If only one change can have put it there, that change
 * had happened by then. */
static bool observe_tag(struct history *h, uint64_t tag, uint64_t begin, uint64_t end)
{
    uint64_t settled = last_ended(h, begin);
    struct record *seen = NULL;
    unsigned candidates = 0;

    for (uint32_t i = 0; i < h->count; i++) {
        struct record *r = &h->records[i];

        if (r->tag == tag && r->begin < end && r->end >= settled) {
            candidates++;
            seen = r;
        }
    }
    if (candidates == 1 && end < seen->end)
        seen->end = end;
    return candidates > 0;
}

static bool observe_granule(struct model *model, uint64_t granule, const uint8_t *buf,
                            uint64_t begin, uint64_t end, bool whole)
{
    struct history *h = &model->histories[granule];
    uint64_t before = NEVER;
    LOCK_SCOPE(&model->stripes[granule % STRIPES]);

    for (uint32_t i = 0; i < model->words; i++) {
        uint64_t value, tag;

        memcpy(&value, buf + UINT64_C(8) * i, sizeof value);
        tag = value >> TAG_SHIFT;
        if (value != word(granule, i, tag))
            return complain(model, granule, "not of this place", value, begin, end);
        if (tag == before)
            continue;
        if (whole && i > 0)
            return complain(model, granule, "parts of two changes", value, begin, end);
        if (!observe_tag(h, tag, begin, end))
            return complain(model, granule, "not admissible", value, begin, end);
        before = tag;
    }
    return true;
}

bool model_observe(struct model *model, uint64_t first, uint64_t count, const uint8_t *buf,
                   uint64_t begin, uint64_t end, bool whole)
{
    for (uint64_t i = 0; i < count; i++)
        if (!observe_granule(model, first + i, buf + i * model->words * 8, begin, end, whole))
            return false;
    return true;
}
