/* SPDX-License-Identifier: BSD-3-Clause */
/* size.c - what a change of the size is made of
 *
 * A new size, and a larger L1 table if one is needed, come into force by one write of the header
 * (rule R7).
 */

#include "image/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "table/clusters.h"
#include "table/flush.h"
#include "table/l1.h"
#include "table/refcount.h"
#include "table/tree.h"

/* An L1 table of more entries in a new place, not yet in force. */
struct new_l1 {
    uint64_t *entries;     /* NULL: the old table is large enough */
    struct clusters taken; /* where it lies */
    uint32_t size;
};

static void new_l1_abandon(struct new_l1 *l1)
{
    clusters_give_back(&l1->taken);
    free(l1->entries);
}

#define CLEANUP_NEW_L1 __attribute__((cleanup(new_l1_abandon)))

static int prepare_l1(struct tables *t, uint64_t needed, struct new_l1 *l1)
{
    if (needed > MAX_L1_BYTES / L1_ENTRY_SIZE)
        return error_set(EFBIG, "Failed to grow the L1 table: %s", strerror(EFBIG));
    if (needed <= t->l1_size)
        return 0;
    l1->size = (uint32_t)needed;
    l1->entries = calloc(needed, sizeof l1->entries[0]);
    if (l1->entries == NULL)
        return error_no_memory(), -1;
    memcpy(l1->entries, t->l1, t->l1_size * sizeof t->l1[0]);
    if (clusters_take(&l1->taken, t, needed * L1_ENTRY_SIZE) == -1)
        return -1;
    return l1_write(t, l1->entries, l1->size, l1->taken.offset, L1_KEEP_COPIED);
}

static int adopt_l1(struct tables *t, struct new_l1 *l1)
{
    uint64_t old_offset = t->l1_table_offset, old_bytes = (uint64_t)t->l1_size * L1_ENTRY_SIZE;
    WRITE_SCOPE(&t->lock);

    if (l1->entries == NULL)
        return 0;
    if (l1_adopt_locked(t, RELEASE(l1->entries), clusters_keep(&l1->taken), l1->size) == -1)
        return -1;
    return old_bytes ? refcount_drop(t, old_offset, old_bytes, FREED_OTHERWISE) : 0;
}

/* Flushes, so that the tables on disk are those in memory, before the header changes. */
static int switch_size(struct qcow2_image *image, uint64_t l1_entries, uint64_t size)
{
    struct tables *t = &image->tables;
    CLEANUP_NEW_L1 struct new_l1 l1 = { .size = t->l1_size };

    if (tables_settle(t) == -1 || prepare_l1(t, l1_entries, &l1) == -1 || tables_flush(t) == -1 ||
        bitmaps_switch_l1(image, size, l1.entries ? l1.taken.offset : t->l1_table_offset,
                          l1.size) == -1)
        return -1;
    if (adopt_l1(t, &l1) == -1)
        return tables_fail(t);
    image->disk->size = size;
    return tables_settle_afterwards(t);
}

int image_set_size(struct qcow2_image *image, uint64_t size)
{
    return switch_size(image, geometry_l1_entries(&image->tables.geometry, size), size);
}

int image_extend_l1(struct qcow2_image *image, uint64_t entries)
{
    if (entries <= image->tables.l1_size)
        return 0;
    return switch_size(image, entries, image->disk->size);
}

int image_release_tables(struct tables *t, uint64_t first, uint64_t end)
{
    uint64_t count = end > first ? end - first : 0;
    CLEANUP_FREE uint64_t *removed = calloc(count ? count : 1, sizeof removed[0]);
    const struct tree tree = { removed, (uint32_t)count };
    uint64_t any = 0;

    if (removed == NULL)
        return error_no_memory(), -1;
    if (tables_settle(t) == -1)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        any |= removed[i] = t->l1[first + i] & L1_OFFSET_MASK;
    if (any == 0)
        return 0;
    if (tree_cut_active(t, first, count) == -1 || tables_flush(t) == -1 ||
        tree_lower(t, &tree, FREED_BY_SHRINKING) == -1)
        return tables_fail(t);
    return tables_settle(t);
}

/* Where the free end of the file begins. */
static int used_end(struct tables *t, uint64_t *end)
{
    const struct geometry *g = &t->geometry;
    uint64_t clusters = t->high_water >> g->cluster_bits;
    WRITE_SCOPE(&t->lock);

    while (clusters > 1) {
        uint64_t last = clusters - 1;
        struct refcount_run run;

        if (refcount_run(t, last, &run) == -1)
            return -1;
        if (refcount_run_get(g, &run, last) != 0)
            break;
        clusters = run.counts ? last : round_down(last, UINT64_C(1) << g->refcount_block_bits);
    }
    *end = max_u64(clusters, 1) << g->cluster_bits;
    return 0;
}

/* Only what is gone for sure reads as zeroes when it is allocated again: a device keeps its
 * length. */
int image_cut_file(struct qcow2_image *image)
{
    struct tables *t = &image->tables;
    uint64_t length, end;

    if (used_end(t, &end) == -1 || store_size(image->store, &length) == -1)
        return -1;
    if (length <= end)
        return 0;
    if (store_truncate(image->store, end) == -1 || store_size(image->store, &length) == -1)
        return -1;
    WRITE_SCOPE(&t->lock);
    t->high_water = round_up(length, t->geometry.cluster_size);
    return 0;
}
