/* SPDX-License-Identifier: BSD-3-Clause */
/* clusters.c - host clusters for something new, or back again, and back to the host */

#include "table/clusters.h"

#include "base/cleanup.h"
#include "table/refcount.h"

int clusters_take(struct clusters *c, struct tables *t, uint64_t bytes)
{
    bool never_written;
    uint64_t offset;
    WRITE_SCOPE(&t->lock);

    if (bytes == 0)
        return 0;
    if (refcount_allocate(t, div_round_up(bytes, t->geometry.cluster_size), &offset,
                          &never_written) == -1)
        return -1;
    *c = (struct clusters){ t, offset, bytes };
    return 0;
}

uint64_t clusters_keep(struct clusters *c)
{
    uint64_t offset = c->offset;

    *c = (struct clusters){ 0 };
    return offset;
}

static void give_back(struct tables *t, uint64_t offset, uint64_t bytes)
{
    WRITE_SCOPE(&t->lock);

    refcount_abandon(t, offset, bytes);
}

void clusters_give_back(struct clusters *c)
{
    struct error error;

    if (c->bytes == 0)
        return;
    error_save(&error);
    if (tables_usable(c->tables) == 0)
        give_back(c->tables, c->offset, c->bytes);
    error_restore(&error);
    *c = (struct clusters){ 0 };
}

void clusters_punch(struct tables *t, uint64_t offset, uint64_t bytes)
{
    struct error error;

    error_save(&error);
    store_discard(t->store, bytes, offset);
    error_restore(&error);
}
