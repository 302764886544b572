/* SPDX-License-Identifier: BSD-3-Clause */
/* repair.c - changing the image under check: writing, misplaced clusters, the marks in the header */

#include "check/repair.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/tree.h"

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static int write_features(struct checking *c, uint32_t at, uint64_t features)
{
    uint8_t bytes[8];

    store_be64(bytes, features);
    if (store_pwrite(c->source.store, bytes, sizeof bytes, at) == -1)
        return -1;
    return store_flush(c->source.store);
}

/* Who does not know a feature must not let it seem up to date. */
static int begin(struct checking *c)
{
    struct header *h = c->repair->header;

    c->repair->begun = true;
    if (!(h->autoclear_features & ~AUTOCLEAR_KNOWN))
        return 0;
    h->autoclear_features &= AUTOCLEAR_KNOWN;
    return write_features(c, HEADER_AUTOCLEAR_AT, h->autoclear_features);
}

int repair_write(struct checking *c, const void *buf, size_t count, uint64_t offset)
{
    if (!c->repair->begun && begin(c) == -1)
        return -1;
    return store_pwrite(c->source.store, buf, count, offset);
}

int repair_barrier(struct checking *c)
{
    return c->repair->begun ? store_flush(c->source.store) : 0;
}

int repair_header(struct checking *c, uint32_t at, const void *bytes, size_t count)
{
    if (repair_barrier(c) == -1 || repair_write(c, bytes, count, at) == -1)
        return -1;
    return repair_barrier(c);
}

/* ------------------------------------------------------------------------------------------------
 * Zero clusters with impossible places
 */

static int repair_entry(struct checking *c, const struct l2_item *item, uint8_t *at)
{
    const struct geometry *g = c->geometry;
    const struct l2_entry zeroes = { .bitmap = item->entry.bitmap & L2_BITMAP_ZERO };

    checking_say(c,
                 "Repairing offset=%" PRIx64
                 ": Preallocated cluster is not properly aligned; L2 entry corrupted.",
                 l2_entry_host_offset(item->entry));
    c->result->corruptions_fixed++;
    l2_entry_store(g, at, zeroes);
    return repair_write(c, at, g->l2_entry_size,
                        item->table->offset + item->index * g->l2_entry_size);
}

static int repair_table(struct checking *c, struct l2_table *table, uint8_t *buf)
{
    const struct geometry *g = c->geometry;
    bool owned = checking_is_owned(c, table->offset, g->cluster_size, table->weight);
    int data = tree_read_l2_table(c, table, buf);

    for (uint64_t i = 0; data == 1 && i < g->cluster_size / g->l2_entry_size; i++) {
        uint8_t *at = buf + i * g->l2_entry_size;
        uint64_t anywhere = 0;
        struct l2_item item = { table, i, l2_entry_load(g, at), &anywhere };

        if (tree_has_host_cluster(c, item.entry) && tree_is_misplaced(c, item.entry) &&
            (owned ? repair_entry(c, &item, at) : tree_count_allocated(c, &item)) == -1)
            return -1;
    }
    return data == -1 ? -1 : 0;
}

int repair_misplaced(struct checking *c)
{
    CLEANUP_FREE uint8_t *buf = malloc(c->geometry->cluster_size);
    bool any = false;

    if (buf == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < c->nb_l2_tables; i++) {
        if (!c->l2_tables[i].misplaced)
            continue;
        any = true;
        if (repair_table(c, &c->l2_tables[i], buf) == -1)
            return -1;
    }
    return any ? repair_barrier(c) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Marks
 */

/* The image is dirty while a refcount may be wrong, and corrupt while anything is. */
int repair_marks(struct checking *c)
{
    struct header *h = c->repair->header;
    uint64_t features = h->incompatible_features;
    uint8_t bytes[8];

    if (c->result->check_errors == 0 && !c->inexact)
        features &= ~INCOMPATIBLE_DIRTY;
    if (c->result->check_errors == 0 && c->result->corruptions == 0)
        features &= ~INCOMPATIBLE_CORRUPT;
    if (features == h->incompatible_features)
        return repair_barrier(c);
    store_be64(bytes, features);
    if (repair_header(c, HEADER_INCOMPATIBLE_AT, bytes, sizeof bytes) == -1)
        return -1;
    h->incompatible_features = features;
    return 0;
}
