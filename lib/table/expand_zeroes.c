/* SPDX-License-Identifier: BSD-3-Clause */
/* expand_zeroes.c - trees without the clusters that only version 3 can describe
 *
 * What becomes of a zero cluster:
 *
 *     nothing behind it, or not seen    unallocated
 *     a host cluster kept for it alone  zeroes are written there
 *     otherwise                         a new host cluster of zeroes; one that was kept for it, and
 *                                       holds data for somebody else, loses the reference
 *
 * L2 tables are changed where they are, those that several trees share, too: for each of them the
 * entry means what it meant.  A new cluster gets as many references as its table has.  Tables are
 * gathered into a batch; then
 *
 *     zeroes and refcounts | barrier | the tables of the batch | barrier | dropped references
 *
 * Entries are standard ones: extended ones cannot become version 2.
 *
 * A cut leaves an image of version 3 with fewer zero clusters (rules R1, R3, R4, R5).
 */

#include "table/expand_zeroes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/l2_entry.h"
#include "table/flush.h"
#include "table/l2.h"
#include "table/refcount.h"

#define BATCH_BYTES (UINT64_C(4) << 20) /* of L2 tables */

struct batch {
    struct tables *t;
    const struct expansion *expansion;
    uint8_t *tables; /* changed ones, and one more that is being looked at */
    uint64_t *places;
    uint64_t capacity;
    uint64_t count;
    struct index_list allocated; /* new clusters, once for each reference */
    struct index_list dropped;   /* clusters, once for each reference lost */
    uint64_t zero_offset;        /* a run of host clusters that become zeroes */
    uint64_t zero_bytes;
    bool zero_sparse; /* as holes */
};

static void batch_destroy(struct batch *b)
{
    free(b->tables);
    free(b->places);
    index_list_clear(&b->allocated);
    index_list_clear(&b->dropped);
}

static int batch_init(struct batch *b, struct tables *t, const struct expansion *expansion)
{
    uint64_t size = t->geometry.cluster_size;

    *b = (struct batch){ .t = t, .expansion = expansion };
    b->capacity = BATCH_BYTES / size;
    b->tables = malloc((b->capacity + 1) * size);
    b->places = malloc(b->capacity * sizeof b->places[0]);
    if (b->tables != NULL && b->places != NULL)
        return 0;
    batch_destroy(b);
    return error_no_memory(), -1;
}

/* ------------------------------------------------------------------------------------------------
 * Zeroes
 */

static int write_zeroes(struct batch *b)
{
    uint64_t bytes = b->zero_bytes;

    b->zero_bytes = 0;
    return bytes ? store_zero(b->t->data, bytes, b->zero_offset, b->zero_sparse) : 0;
}

static int add_zeroes(struct batch *b, uint64_t host_offset, bool sparse)
{
    uint64_t size = b->t->geometry.cluster_size;

    if (b->zero_bytes > 0 && host_offset == b->zero_offset + b->zero_bytes &&
        sparse == b->zero_sparse) {
        b->zero_bytes += size;
        return 0;
    }
    if (write_zeroes(b) == -1)
        return -1;
    b->zero_offset = host_offset;
    b->zero_bytes = size;
    b->zero_sparse = sparse;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Entries
 */

/* A cluster of zeroes with so many references. */
static int new_cluster(struct batch *b, uint64_t references, uint64_t *host_offset)
{
    bool never_written;

    if (refcount_allocate(b->t, 1, host_offset, &never_written) == -1 ||
        index_list_add(&b->allocated, *host_offset) == -1)
        return -1;
    for (uint64_t i = 1; i < references; i++)
        if (refcount_raise(b->t, *host_offset, 1) == -1 ||
            index_list_add(&b->allocated, *host_offset) == -1)
            return -1;
    return add_zeroes(b, *host_offset, true);
}

static int drop(struct batch *b, uint64_t host_offset, uint64_t references)
{
    for (uint64_t i = 0; i < references; i++)
        if (index_list_add(&b->dropped, host_offset) == -1)
            return -1;
    return 0;
}

/* Does nobody but the tables that share this entry refer to the cluster that is kept for it? */
static int is_kept_alone(struct batch *b, uint64_t host_offset, uint64_t references, bool *alone)
{
    struct tables *t = b->t;
    uint64_t count;

    if (!is_aligned(host_offset, t->geometry.cluster_size) || host_offset >= t->high_water)
        return tables_corrupt(t, "preallocated zero cluster at impossible offset 0x%" PRIx64,
                              host_offset);
    if (tables_check_overlap(t, host_offset, t->geometry.cluster_size, METADATA_NONE) == -1 ||
        refcount_get(t, host_offset, &count) == -1)
        return -1;
    *alone = count == references;
    return 0;
}

static int expand_entry(struct batch *b, uint8_t *slot, uint64_t references, bool seen)
{
    const struct geometry *g = &b->t->geometry;
    uint64_t host_offset = l2_entry_host_offset(l2_entry_load(g, slot));
    uint64_t copied = b->expansion->active && references == 1 ? ENTRY_COPIED : 0;
    bool alone = false;

    if (host_offset != 0 && is_kept_alone(b, host_offset, references, &alone) == -1)
        return -1;
    if (alone) {
        store_be64(slot, host_offset | copied);
        return add_zeroes(b, host_offset, false);
    }
    if (host_offset != 0 && drop(b, host_offset, references) == -1)
        return -1;
    store_be64(slot, 0);
    if (!b->expansion->has_backing || !seen)
        return 0;
    if (new_cluster(b, references, &host_offset) == -1)
        return -1;
    store_be64(slot, host_offset | copied);
    return 0;
}

/* Behind the end of the disk, in its last table: there may be leftovers of a larger disk. */
static bool is_seen(const struct batch *b, uint64_t l1_index, uint64_t l2_index)
{
    const struct geometry *g = &b->t->geometry;
    uint64_t guest_cluster = (l1_index << g->l2_bits) + l2_index;

    return guest_cluster < div_round_up(b->expansion->size, g->cluster_size) ||
           l1_index >= geometry_l1_entries(g, b->expansion->size);
}

/* A table to which the tree refers twice. */
static bool is_in_batch(const struct batch *b, uint64_t l2_offset)
{
    for (uint64_t i = 0; i < b->count; i++)
        if (b->places[i] == l2_offset)
            return true;
    return false;
}

static int expand_table(struct batch *b, uint64_t l1_index, uint64_t l2_offset)
{
    const struct geometry *g = &b->t->geometry;
    uint64_t size = g->cluster_size;
    uint8_t *table = b->tables + b->count * size;
    uint64_t references;
    bool changed = false;

    if (l2_table_is_hole(b->t, l2_offset))
        return 0;
    if (store_pread(b->t->store, table, size, l2_offset) == -1 ||
        refcount_get(b->t, l2_offset, &references) == -1)
        return -1;
    if (references > 1 && is_in_batch(b, l2_offset))
        return 0;
    for (uint64_t i = 0; i < g->l2_entries; i++) {
        uint8_t *slot = table + i * L2_ENTRY_SIZE;

        if (l2_entry_type(l2_entry_load(g, slot), 0) != SUBCLUSTER_ZERO)
            continue;
        if (expand_entry(b, slot, references, is_seen(b, l1_index, i)) == -1)
            return -1;
        changed = true;
    }
    if (changed)
        b->places[b->count++] = l2_offset;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Batches
 */

/* From here on the tables on disk may refer to the new clusters. */
static int write_tables(struct batch *b)
{
    struct tables *t = b->t;
    uint64_t size = t->geometry.cluster_size;
    WRITE_SCOPE(&t->lock);

    b->allocated.count = 0;
    for (uint64_t i = 0; i < b->count; i++) {
        if (tables_check_overlap(t, b->places[i], size, METADATA_ANY_L2) == -1)
            return -1;
        cache_drop(&t->l2_cache, b->places[i], size);
        if (store_pwrite(t->store, b->tables + i * size, size, b->places[i]) == -1)
            return -1;
    }
    return 0;
}

static int commit_batch(struct batch *b)
{
    struct tables *t = b->t;

    if (b->count == 0)
        return 0;
    if (write_zeroes(b) == -1 || tables_flush(t) == -1)
        return -1;
    if (write_tables(b) == -1 || store_flush(t->store) == -1)
        return tables_fail(t);
    for (size_t i = 0; i < b->dropped.count; i++)
        if (tree_release(t, b->dropped.items[i], 1) == -1)
            return tables_fail(t);
    b->dropped.count = 0;
    b->count = 0;
    return 0;
}

/* Nothing refers to the clusters of a batch that was not committed. */
static int abandon_batch(struct batch *b)
{
    struct error error;

    error_save(&error);
    for (size_t i = 0; i < b->allocated.count && tables_usable(b->t) == 0; i++)
        tree_release(b->t, b->allocated.items[i], 1);
    return error_restore(&error);
}

static int expand_l1_entry(struct batch *b, uint64_t l1_index)
{
    struct tables *t = b->t;
    uint64_t l2_offset;
    WRITE_SCOPE(&t->lock);

    if (l2_table_offset(t, b->expansion->tree->l1[l1_index], l1_index, &l2_offset) == -1)
        return -1;
    return l2_offset ? expand_table(b, l1_index, l2_offset) : 0;
}

static int expand_all(struct batch *b)
{
    for (uint64_t i = 0; i < b->expansion->tree->l1_size; i++) {
        if (expand_l1_entry(b, i) == -1 || b->expansion->step(b->expansion->opaque) == -1)
            return -1;
        if (b->count == b->capacity && commit_batch(b) == -1)
            return -1;
    }
    return commit_batch(b);
}

int tree_expand_zeroes(struct tables *t, const struct expansion *expansion)
{
    struct batch b;
    int r;

    if (batch_init(&b, t, expansion) == -1)
        return -1;
    r = expand_all(&b);
    if (r == -1)
        abandon_batch(&b);
    batch_destroy(&b);
    return r == -1 ? -1 : tables_settle(t);
}

/* ------------------------------------------------------------------------------------------------
 * Looking for compressed clusters
 */

static int table_has_compressed(struct tables *t, uint64_t l2_offset, uint8_t *table)
{
    const struct geometry *g = &t->geometry;

    if (l2_table_is_hole(t, l2_offset))
        return 0;
    if (store_pread(t->store, table, g->cluster_size, l2_offset) == -1)
        return -1;
    for (uint64_t at = 0; at < g->cluster_size; at += g->l2_entry_size)
        if (l2_entry_is_compressed(l2_entry_load(g, table + at)))
            return 1;
    return 0;
}

int tree_has_compressed(struct tables *t, const struct tree *tree)
{
    CLEANUP_FREE uint8_t *table = malloc(t->geometry.cluster_size);
    int r = 0;
    WRITE_SCOPE(&t->lock);

    if (table == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < tree->l1_size && r == 0; i++) {
        uint64_t l2_offset;

        if (l2_table_offset(t, tree->l1[i], i, &l2_offset) == -1)
            return -1;
        if (l2_offset != 0)
            r = table_has_compressed(t, l2_offset, table);
    }
    return r;
}
