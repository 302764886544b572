/* SPDX-License-Identifier: BSD-3-Clause */
/* flush.c - making what was written durable, in the stages that tables.h describes
 *
 * The lock is held exclusively while the work of a flush is collected and again when it is over,
 * not over a barrier.  Requests go on in between: what they change belongs to the next flush,
 * because the L2 entries that are written were copied when it was collected.
 */

#include "table/flush.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "table/clusters.h"
#include "table/refcount.h"

#define RELIEVE_DROPPED 4096u          /* ranges in quarantine that call for a flush */
#define RELIEVE_L2 (UINT64_C(2) << 20) /* and so do changed L2 entries, in bytes of slices */
#define LAZY_BLOCKS 4096u /* new refcount blocks that wait at most, with lazy refcounts */

/* An entry of a table of 8-byte entries, on its way to disk. */
struct entry_write {
    uint64_t offset; /* in the store */
    uint64_t entry;
    bool barrier; /* what was written before must be durable first */
};

struct entry_writes {
    struct entry_write *items;
    size_t count;
};

/* What one flush writes in stages 1 and 2. */
struct flush_work {
    struct entry_writes blocks; /* refcount table entries of new blocks */
    struct entry_writes l1;     /* L1 entries of new L2 tables */
    struct cache_batch l2;      /* slices of L2 tables that are in use */
};

static void work_destroy(struct flush_work *work)
{
    free(work->blocks.items);
    free(work->l1.items);
    cache_batch_free(&work->l2);
}

/* ------------------------------------------------------------------------------------------------
 * Collecting
 */

static int writes_of(const struct index_list *indices, const uint64_t *table, uint64_t offset,
                     struct entry_writes *writes)
{
    if (indices->count == 0)
        return 0;
    writes->items = calloc(indices->count, sizeof writes->items[0]);
    if (writes->items == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < indices->count; i++) {
        uint64_t index = indices->items[i];

        writes->items[i] = (struct entry_write){ .offset = offset + index * sizeof table[0],
                                                 .entry = table[index] };
    }
    writes->count = indices->count;
    return 0;
}

/* A new refcount block that is counted by another new one may come into use only after that one has
 * (rule R1).  The counting one was made first and stands before it in the list. */
static void order_blocks(const struct tables *t, struct entry_writes *blocks)
{
    const struct geometry *g = &t->geometry;

    for (size_t i = 1; i < blocks->count; i++) {
        uint64_t counter = blocks->items[i].entry >> g->cluster_bits >> g->refcount_block_bits;
        uint64_t at = t->refcount_table_offset + counter * REFCOUNT_TABLE_ENTRY_SIZE;

        for (size_t k = 0; k < i && !blocks->items[i].barrier; k++)
            blocks->items[i].barrier = blocks->items[k].offset == at;
    }
}

/* New L2 tables may be written at once: nothing on disk points to them yet. */
static int write_fresh_l2(struct tables *t)
{
    for (size_t i = 0; i < t->fresh_l2.count; i++) {
        uint64_t table = t->l1[t->fresh_l2.items[i]] & L1_OFFSET_MASK;

        if (cache_write_range(&t->l2_cache, table, t->geometry.cluster_size) == -1)
            return -1;
    }
    return 0;
}

static int check_batch(struct tables *t, const struct cache_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (tables_check_overlap(t, batch->offsets[i], t->l2_cache.slice_size,
                                 METADATA_ACTIVE_L2) == -1)
            return -1;
    return 0;
}

static int write_incompatible_features(struct tables *t, uint64_t features)
{
    uint8_t bytes[8];

    store_be64(bytes, features);
    if (store_pwrite(t->store, bytes, sizeof bytes, HEADER_INCOMPATIBLE_AT) == -1)
        return -1;
    t->header.incompatible_features = features;
    return 0;
}

/* The refcounts, or the mark that says that they may be wrong. */
static int write_refcounts(struct tables *t, bool whole, struct flush_work *work)
{
    uint64_t features = t->header.incompatible_features;

    if (whole) {
        if (cache_write_all(&t->refcount_cache) == -1)
            return -1;
        return writes_of(&t->fresh_blocks, t->refcount_table, t->refcount_table_offset,
                         &work->blocks);
    }
    if (features & INCOMPATIBLE_DIRTY || (t->l2_cache.dirty_count == 0 && t->fresh_l2.count == 0))
        return 0;
    return write_incompatible_features(t, features | INCOMPATIBLE_DIRTY);
}

static bool is_lazy(const struct tables *t)
{
    return t->lazy_refcounts && t->fresh_blocks.count < LAZY_BLOCKS;
}

/* Nothing is taken out of the lists unless all of it succeeds, so that a flush which failed here (a
 * full disk) may be tried again. */
static int collect_locked(struct tables *t, bool whole, struct flush_work *work)
{
    whole = whole || !is_lazy(t);
    if (write_refcounts(t, whole, work) == -1 || write_fresh_l2(t) == -1)
        return -1;
    if (writes_of(&t->fresh_l2, t->l1, t->l1_table_offset, &work->l1) == -1 ||
        quarantine_flush_begin(&t->quarantine) == -1)
        return -1;
    order_blocks(t, &work->blocks);
    if (cache_batch_take(&t->l2_cache, &work->l2) == -1)
        return -1;
    if (whole)
        t->fresh_blocks.count = 0;
    t->fresh_l2.count = 0;
    return check_batch(t, &work->l2);
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static int write_entries(struct tables *t, const struct entry_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++) {
        uint8_t bytes[8];

        store_be64(bytes, writes->items[i].entry);
        if (writes->items[i].barrier && store_flush(t->store) == -1)
            return -1;
        if (store_pwrite(t->store, bytes, sizeof bytes, writes->items[i].offset) == -1)
            return -1;
    }
    return 0;
}

/* The barrier after which L2 entries may speak of data.  A data file's is a barrier of its own. */
static int make_data_durable(struct tables *t)
{
    if (t->data != t->store && store_flush(t->data) == -1)
        return -1;
    return store_flush(t->store);
}

static int write_stages(struct tables *t, const struct flush_work *work)
{
    if (work->blocks.count > 0 &&
        (store_flush(t->store) == -1 || write_entries(t, &work->blocks) == -1))
        return -1;
    if (make_data_durable(t) == -1)
        return -1;
    if (work->l2.count == 0 && work->l1.count == 0)
        return 0;
    if (cache_batch_write(&t->l2_cache, &work->l2) == -1 || write_entries(t, &work->l1) == -1)
        return -1;
    return store_flush(t->store);
}

/* ------------------------------------------------------------------------------------------------
 * Releasing what was dropped
 */

/* Punch holes for the clusters of a released range whose last reference is gone.  They are not free
 * yet, so that nobody else writes there. */
static int punch_range(struct tables *t, const struct dropped_range *range)
{
    uint64_t size = t->geometry.cluster_size;
    uint64_t start = range->offset, end = range->offset + range->count;

    while (start < end) {
        uint64_t stop = start;

        {
            WRITE_SCOPE(&t->lock);
            for (uint64_t count = 1; stop < end; stop += size) {
                if (refcount_get(t, stop, &count) == -1)
                    return -1;
                if (count != 1)
                    break;
                if (t->free_byte >> t->geometry.cluster_bits == stop >> t->geometry.cluster_bits)
                    t->free_byte = 0; /* no compressed stream comes here, either */
            }
        }
        if (stop > start)
            clusters_punch(t, start, stop - start);
        start = stop + size;
    }
    return 0;
}

static int release(struct tables *t)
{
    struct dropped_list released;
    int r = 0;

    {
        WRITE_SCOPE(&t->lock);
        if (quarantine_take(&t->quarantine, &released) == -1)
            return -1;
    }
    for (size_t i = 0; r == 0 && i < released.count; i++)
        if (t->discard & released.items[i].by)
            r = punch_range(t, &released.items[i]);
    if (released.count > 0) {
        WRITE_SCOPE(&t->lock);
        for (size_t i = 0; r == 0 && i < released.count; i++)
            r = refcount_lower(t, released.items[i].offset, released.items[i].count);
    }
    dropped_list_destroy(&released);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * One flush
 */

static int finish(struct tables *t, struct flush_work *work)
{
    int r;

    {
        WRITE_SCOPE(&t->lock);
        cache_batch_finish(&t->l2_cache, &work->l2);
        r = quarantine_flush_end(&t->quarantine);
    }
    return r == -1 ? -1 : release(t);
}

/* When it fails after something was taken out of the lists, memory is newer than the disk for good:
 * the slices stay where they are and nothing can be changed any more. */
static int run_flush(struct tables *t, bool whole, struct flush_work *work)
{
    {
        WRITE_SCOPE(&t->lock);
        if (collect_locked(t, whole, work) == -1)
            return work->l2.count > 0 ? tables_fail(t) : -1;
    }
    return write_stages(t, work) == -1 ? tables_fail(t) : finish(t, work);
}

static int flush_once(struct tables *t, bool whole)
{
    struct flush_work work = { 0 };
    int r;

    if (tables_usable(t) == -1)
        return -1;
    r = run_flush(t, whole, &work);
    work_destroy(&work);
    return r;
}

/* The next flush that begins, by this thread or another one. */
static int flush_next(struct tables *t, bool whole)
{
    struct flush_state *f = &t->flush;
    uint64_t needed;
    int r = 0;

    if (t->read_only)
        return 0;
    pthread_mutex_lock(&f->lock);
    needed = f->started + 1;
    while (f->finished < needed) {
        f->whole |= whole;
        if (f->running) {
            pthread_cond_wait(&f->done, &f->lock);
            continue;
        }
        bool for_all = f->whole;
        f->whole = false;
        f->running = true;
        f->started++;
        pthread_mutex_unlock(&f->lock);
        r = flush_once(t, for_all);
        pthread_mutex_lock(&f->lock);
        f->running = false;
        if (r == 0)
            f->finished = f->started;
        pthread_cond_broadcast(&f->done);
        if (r == -1)
            break; /* those who wait try for themselves */
    }
    pthread_mutex_unlock(&f->lock);
    return r;
}

int tables_flush(struct tables *t)
{
    return flush_next(t, true);
}

int tables_flush_lazily(struct tables *t)
{
    return flush_next(t, false);
}

static bool is_full(struct tables *t)
{
    const struct cache *l2 = &t->l2_cache;
    READ_SCOPE(&t->lock);

    return l2->dirty_count > min_u64(RELIEVE_L2 / l2->slice_size, l2->limit / 2) ||
           t->quarantine.waiting.count > RELIEVE_DROPPED;
}

int tables_relieve(struct tables *t)
{
    return is_full(t) ? tables_flush_lazily(t) : 0;
}

int tables_settle(struct tables *t)
{
    if (tables_flush(t) == -1)
        return -1;
    WRITE_SCOPE(&t->lock);
    return cache_write_all(&t->refcount_cache);
}

int tables_settle_afterwards(struct tables *t)
{
    return tables_settle(t) == 0 ? 0 : tables_usable(t);
}

int tables_mark_clean(struct tables *t)
{
    uint64_t features = t->header.incompatible_features;

    if (!(features & INCOMPATIBLE_DIRTY))
        return 0;
    if (store_flush(t->store) == -1 ||
        write_incompatible_features(t, features & ~INCOMPATIBLE_DIRTY) == -1)
        return -1;
    return store_flush(t->store);
}
