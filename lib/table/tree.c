/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.c - whole L1 trees: what snapshots do to refcounts and COPIED flags */

#include "table/tree.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/l2_entry.h"
#include "table/clusters.h"
#include "table/l1.h"
#include "table/l2.h"
#include "table/refcount.h"

/* ------------------------------------------------------------------------------------------------
 * Walking
 */

/* One walk over a tree. */
struct walk {
    struct tables *t;
    enum freed_by by; /* on whose account references are lost */
    uint64_t ranges;  /* host ranges visited with success */
    uint64_t limit;   /* stop after so many */
    uint64_t bytes;   /* of the table at hand that are looked at: none if it lies in a hole */
};

/* What to do with an L2 table: index of its L1 entry, its place, its content.  *changed is set when
 * the content is to be written back. */
typedef int l2_visitor(struct walk *w, uint64_t l1_index, uint64_t l2_offset, uint8_t *entries,
                       bool *changed);

static int visit_table(struct walk *w, uint64_t l1_index, uint64_t l2_offset, uint8_t *entries,
                       l2_visitor *visit)
{
    struct tables *t = w->t;
    uint64_t size = t->geometry.cluster_size;
    bool changed = false;

    w->bytes = l2_table_is_hole(t, l2_offset) ? 0 : size;
    if (store_pread(t->store, entries, w->bytes, l2_offset) == -1 ||
        visit(w, l1_index, l2_offset, entries, &changed) == -1)
        return -1;
    if (!changed)
        return 0;
    if (tables_check_overlap(t, l2_offset, size, METADATA_ANY_L2) == -1)
        return -1;
    cache_drop(&t->l2_cache, l2_offset, size);
    return store_pwrite(t->store, entries, size, l2_offset);
}

static int walk(struct walk *w, const struct tree *tree, l2_visitor *visit)
{
    struct tables *t = w->t;
    CLEANUP_FREE uint8_t *entries = malloc(t->geometry.cluster_size);
    WRITE_SCOPE(&t->lock);

    /* what waits for a flush may be the last word on what the tables on disk refer to */
    assert(t->l2_cache.dirty_count == 0 && t->fresh_l2.count == 0);
    if (entries == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < tree->l1_size && w->ranges < w->limit; i++) {
        uint64_t l2_offset;

        if (l2_table_offset(t, tree->l1[i], i, &l2_offset) == -1)
            return -1;
        if (l2_offset != 0 && visit_table(w, i, l2_offset, entries, visit) == -1)
            return -1;
    }
    return 0;
}

static int walk_all(struct tables *t, const struct tree *tree, l2_visitor *visit)
{
    struct walk w = { .t = t, .limit = UINT64_MAX };

    return walk(&w, tree, visit);
}

/* The host bytes that an entry refers to; count 0: none. */
static int entry_range(struct tables *t, struct l2_entry entry, uint64_t *offset, uint64_t *count)
{
    *offset = *count = 0;
    if (tables_has_data_file(t))
        return 0;
    if (l2_entry_is_compressed(entry)) {
        *offset = l2_entry_compressed_offset(&t->geometry, entry);
        *count = l2_entry_compressed_length(&t->geometry, entry);
    } else if (l2_entry_host_offset(entry) != 0) {
        *offset = l2_entry_host_offset(entry);
        *count = t->geometry.cluster_size;
        if (!is_aligned(*offset, t->geometry.cluster_size))
            return tables_corrupt(t, "L2 entry 0x%016" PRIx64 " points to no cluster boundary",
                                  l2_entry_word(&t->geometry, entry));
    }
    return 0;
}

typedef int range_visitor(struct walk *w, uint64_t host_offset, uint64_t count);

static int visit_range(struct walk *w, uint64_t host_offset, uint64_t count, range_visitor *visit)
{
    if (count == 0 || w->ranges == w->limit)
        return 0;
    if (visit(w, host_offset, count) == -1)
        return -1;
    w->ranges++;
    return 0;
}

/* A range that L2 entries refer to. */
static int visit_guest_range(struct walk *w, uint64_t host_offset, uint64_t count,
                             range_visitor *visit)
{
    if (count == 0)
        return 0;
    if (tables_check_release(w->t, host_offset, count, METADATA_NONE) == -1)
        return -1;
    return visit_range(w, host_offset, count, visit);
}

/* Entries whose clusters follow each other are one range. */
static int for_each_range(struct walk *w, uint64_t l2_offset, const uint8_t *entries,
                          range_visitor *visit)
{
    const struct geometry *g = &w->t->geometry;
    uint64_t start = 0, length = 0;

    for (uint64_t at = 0; at < w->bytes; at += g->l2_entry_size) {
        struct l2_entry entry = l2_entry_load(g, entries + at);
        uint64_t offset, count;

        if (entry_range(w->t, entry, &offset, &count) == -1)
            return -1;
        if (count == 0)
            continue;
        if (offset == start + length && !l2_entry_is_compressed(entry) &&
            is_aligned(start, g->cluster_size)) {
            length += count;
            continue;
        }
        if (visit_guest_range(w, start, length, visit) == -1)
            return -1;
        start = offset;
        length = count;
    }
    if (visit_guest_range(w, start, length, visit) == -1)
        return -1;
    return visit_range(w, l2_offset, g->cluster_size, visit);
}

/* ------------------------------------------------------------------------------------------------
 * Refcounts
 */

static int check_raise_range(struct walk *w, uint64_t host_offset, uint64_t count)
{
    return refcount_check_raise(w->t, host_offset, count);
}

static int check_raise_table(struct walk *w, uint64_t l1_index, uint64_t l2_offset,
                             uint8_t *entries, bool *changed)
{
    (void)l1_index;
    (void)changed;
    return for_each_range(w, l2_offset, entries, check_raise_range);
}

int tree_check_raise(struct tables *t, const struct tree *tree)
{
    return walk_all(t, tree, check_raise_table);
}

static int raise_range(struct walk *w, uint64_t host_offset, uint64_t count)
{
    return refcount_raise(w->t, host_offset, count);
}

static int raise_table(struct walk *w, uint64_t l1_index, uint64_t l2_offset, uint8_t *entries,
                       bool *changed)
{
    (void)l1_index;
    (void)changed;
    return for_each_range(w, l2_offset, entries, raise_range);
}

/* Punch holes for the clusters that are free now. */
static int punch_free(struct tables *t, uint64_t start, uint64_t end)
{
    uint64_t size = t->geometry.cluster_size, hole = start;

    for (uint64_t at = start; at < end; at += size) {
        uint64_t left;

        if (refcount_get(t, at, &left) == -1)
            return -1;
        if (left == 0)
            continue;
        if (at > hole)
            clusters_punch(t, hole, at - hole);
        hole = at + size;
    }
    if (end > hole)
        clusters_punch(t, hole, end - hole);
    return 0;
}

static int release(struct tables *t, uint64_t host_offset, uint64_t count, enum freed_by by)
{
    uint64_t size = t->geometry.cluster_size;

    if (refcount_lower(t, host_offset, count) == -1)
        return -1;
    return t->discard & by
               ? punch_free(t, round_down(host_offset, size), round_up(host_offset + count, size))
               : 0;
}

static int release_range(struct walk *w, uint64_t host_offset, uint64_t count)
{
    return release(w->t, host_offset, count, w->by);
}

static int lower_table(struct walk *w, uint64_t l1_index, uint64_t l2_offset, uint8_t *entries,
                       bool *changed)
{
    (void)l1_index;
    (void)changed;
    return for_each_range(w, l2_offset, entries, release_range);
}

int tree_raise(struct tables *t, const struct tree *tree)
{
    struct walk raised = { .t = t, .limit = UINT64_MAX };
    struct walk undone = { .t = t, .by = FREED_BY_SNAPSHOT };
    struct error error;

    if (walk(&raised, tree, raise_table) == 0)
        return 0;
    /* a cluster of many compressed streams may have passed the check for each of them */
    error_save(&error);
    undone.limit = raised.ranges;
    if (walk(&undone, tree, lower_table) == -1)
        return tables_fail(t);
    return error_restore(&error);
}

int tree_lower(struct tables *t, const struct tree *tree, enum freed_by by)
{
    struct walk w = { .t = t, .by = by, .limit = UINT64_MAX };

    return walk(&w, tree, lower_table);
}

int tree_release(struct tables *t, uint64_t host_offset, uint64_t count)
{
    WRITE_SCOPE(&t->lock);

    return count ? release(t, host_offset, count, FREED_OTHERWISE) : 0;
}

int tree_give_back(struct tables *t, uint64_t host_offset, uint64_t count)
{
    WRITE_SCOPE(&t->lock);

    return count ? release(t, host_offset, count, FREED_BY_SHRINKING) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * COPIED
 */

static int clear_table(struct walk *w, uint64_t l1_index, uint64_t l2_offset, uint8_t *entries,
                       bool *changed)
{
    (void)l1_index;
    (void)l2_offset;
    const struct geometry *g = &w->t->geometry;

    for (uint64_t at = 0; at < w->bytes; at += g->l2_entry_size) {
        uint64_t word = load_be64(entries + at);

        if (!(word & ENTRY_COPIED))
            continue;
        store_be64(entries + at, word & ~ENTRY_COPIED);
        *changed = true;
    }
    return 0;
}

int tree_clear_copied(struct tables *t, const struct tree *tree)
{
    return walk_all(t, tree, clear_table);
}

int tree_clear_active_l1(struct tables *t)
{
    WRITE_SCOPE(&t->lock);

    for (uint32_t i = 0; i < t->l1_size; i++)
        t->l1[i] &= ~ENTRY_COPIED;
    return l1_write_active_locked(t);
}

int tree_cut_active(struct tables *t, uint64_t first, uint64_t count)
{
    WRITE_SCOPE(&t->lock);

    for (uint64_t i = first; i < first + count; i++) {
        uint64_t offset = t->l1[i] & L1_OFFSET_MASK;

        t->l1[i] = 0;
        if (offset == 0)
            continue;
        cache_drop(&t->l2_cache, offset, t->geometry.cluster_size);
        metadata_map_remove_cluster(&t->map, METADATA_ACTIVE_L2, offset);
    }
    return l1_write_active_locked(t);
}

/* The flag that a reference to this cluster should have.  run has the counts looked at before. */
static int wanted_flag(struct tables *t, uint64_t host_offset, struct refcount_run *run,
                       uint64_t *flag)
{
    uint64_t cluster = host_offset >> t->geometry.cluster_bits;

    if (cluster - run->first >= run->count && refcount_run(t, cluster, run) == -1)
        return -1;
    *flag = refcount_run_get(&t->geometry, run, cluster) == 1 ? ENTRY_COPIED : 0;
    return 0;
}

static int update_table(struct walk *w, uint64_t l1_index, uint64_t l2_offset, uint8_t *entries,
                        bool *changed)
{
    const struct geometry *g = &w->t->geometry;
    struct refcount_run run = { 0 };
    uint64_t flag;

    for (uint64_t at = 0; at < w->bytes; at += g->l2_entry_size) {
        struct l2_entry entry = l2_entry_load(g, entries + at);
        uint64_t host = l2_entry_host_offset(entry);

        if (host == 0)
            continue;
        if (wanted_flag(w->t, host, &run, &flag) == -1)
            return -1;
        if ((entry.descriptor & ENTRY_COPIED) == flag)
            continue;
        entry.descriptor ^= ENTRY_COPIED;
        l2_entry_store(g, entries + at, entry);
        *changed = true;
    }
    if (wanted_flag(w->t, l2_offset, &run, &flag) == -1)
        return -1;
    w->t->l1[l1_index] = l2_offset | flag;
    return 0;
}

int tree_update_copied(struct tables *t)
{
    const struct tree active = { t->l1, t->l1_size };

    if (walk_all(t, &active, update_table) == -1)
        return -1;
    WRITE_SCOPE(&t->lock);
    return l1_write_active_locked(t);
}
