/* SPDX-License-Identifier: BSD-3-Clause */
/* tables.c - tables of 8-byte entries that many owners name */

#include "check/tables.h"

int tables_init(struct tables *t, struct checking *c, size_t count, source_word *visit)
{
    *t = (struct tables){ .checking = c, .visit = visit };
    return sweep_init(&t->clusters, count) == -1 ? -1 : sweep_init(&t->entries, count);
}

int tables_add(struct tables *t, uint64_t offset, uint64_t bytes)
{
    struct checking *c = t->checking;
    uint64_t cluster_size = c->geometry->cluster_size;

    sweep_add(&t->entries, offset, offset + bytes);
    if (!checking_is_inside(c, offset, bytes))
        return checking_refer(c, offset, bytes, 1); /* tells it; the entries count all the same */
    sweep_add(&t->clusters, offset, round_up(offset + bytes, cluster_size));
    return 0;
}

/* Whole clusters, of which the last one may be half inside the file: its first byte is enough. */
static int refer_stretch(void *opaque, uint64_t start, uint64_t end, uint64_t weight)
{
    struct tables *t = opaque;
    uint64_t count = end - start - (t->checking->geometry->cluster_size - 1);

    return checking_refer(t->checking, start, count, weight);
}

static int visit_stretch(void *opaque, uint64_t start, uint64_t end, uint64_t weight)
{
    struct tables *t = opaque;

    return source_visit_words(&t->checking->source, start, end, weight, t->visit, t->checking);
}

int tables_count(struct tables *t)
{
    if (sweep_walk(&t->clusters, refer_stretch, t) == -1)
        return -1;
    return sweep_walk(&t->entries, visit_stretch, t);
}

void tables_destroy(struct tables *t)
{
    sweep_destroy(&t->clusters);
    sweep_destroy(&t->entries);
}
