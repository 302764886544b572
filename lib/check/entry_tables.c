/* SPDX-License-Identifier: BSD-3-Clause */
/* entry_tables.c - tables of 8-byte entries that many owners name */

#include "check/entry_tables.h"

int entry_tables_init(struct entry_tables *t, struct checking *c, size_t count, source_word *visit)
{
    *t = (struct entry_tables){ .checking = c, .visit = visit };
    return sweep_init(&t->clusters, count) == -1 ? -1 : sweep_init(&t->entries, count);
}

int entry_tables_add(struct entry_tables *t, uint64_t offset, uint64_t bytes)
{
    struct checking *c = t->checking;
    uint64_t cluster_size = c->geometry->cluster_size;

    sweep_add(&t->entries, offset, offset + bytes);
    if (!checking_is_inside(c, offset, bytes))
        return checking_refer(c, offset, bytes, 1); /* tells it; the entries count all the same */
    sweep_add(&t->clusters, offset, round_up(offset + bytes, cluster_size));
    return 0;
}

void entry_tables_add_known(struct entry_tables *t, uint64_t offset, uint64_t bytes)
{
    sweep_add(&t->entries, offset, offset + bytes);
}

/* Whole clusters, of which the last one may be half inside the file: its first byte is enough. */
static int refer_stretch(void *opaque, uint64_t start, uint64_t end, uint64_t weight)
{
    struct entry_tables *t = opaque;
    uint64_t count = end - start - (t->checking->geometry->cluster_size - 1);

    return checking_refer(t->checking, start, count, weight);
}

static int visit_stretch(void *opaque, uint64_t start, uint64_t end, uint64_t weight)
{
    struct entry_tables *t = opaque;

    return source_visit_words(&t->checking->source, start, end, weight, t->visit, t->checking);
}

int entry_tables_count(struct entry_tables *t)
{
    return sweep_walk(&t->clusters, refer_stretch, t) == -1 ? -1 : entry_tables_visit(t);
}

int entry_tables_visit(struct entry_tables *t)
{
    return sweep_walk(&t->entries, visit_stretch, t);
}

void entry_tables_destroy(struct entry_tables *t)
{
    sweep_destroy(&t->clusters);
    sweep_destroy(&t->entries);
}
