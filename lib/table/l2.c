/* SPDX-License-Identifier: BSD-3-Clause */
/* l2.c - L2 tables: looking entries up, making a table writable, changing entries
 *
 * A table whose L1 entry lacks COPIED is shared with a snapshot: it is copied to a new cluster
 * before an entry changes.  A new table, empty or copied, is "fresh" until a flush has written its
 * L1 entry; until then the table on disk that the old L1 entry points to stays what it was.
 */

#include "table/l2.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "table/refcount.h"

int l2_table_offset(struct tables *t, uint64_t l1_entry, uint64_t l1_index, uint64_t *l2_offset)
{
    *l2_offset = l1_entry & L1_OFFSET_MASK;
    if (!is_aligned(*l2_offset, t->geometry.cluster_size))
        return tables_corrupt(t,
                              "L2 table offset 0x%" PRIx64
                              " is not a multiple of the cluster size (L1 index 0x%" PRIx64 ")",
                              *l2_offset, l1_index);
    if (*l2_offset >= t->high_water && *l2_offset != 0)
        return tables_corrupt(t,
                              "L2 table offset 0x%" PRIx64
                              " lies beyond the end of the file (L1 index 0x%" PRIx64 ")",
                              *l2_offset, l1_index);
    return 0;
}

bool l2_table_is_hole(struct tables *t, uint64_t l2_offset)
{
    uint64_t size = t->geometry.cluster_size;
    struct store_extent extent;

    return store_extent_at(t->store, size, l2_offset, &extent) == 0 && extent.hole &&
           extent.length >= size;
}

/* A table that was never written lies in a hole of the file.  Whoever walks over a disk that has
 * thousands of such tables need not look at each of their slices.  How many entries are 0 from the
 * one at this host offset on, in a slice that has just been loaded? */
static uint64_t count_zeroes(struct tables *t, uint64_t table, uint64_t at, const uint8_t *entries)
{
    uint64_t slice_size = t->l2_cache.slice_size, table_end = table + t->geometry.cluster_size;
    uint64_t end = cache_slice_start(&t->l2_cache, at) + slice_size;
    struct store_extent extent;

    if (end == table_end || !is_filled(entries, 0, end - at) ||
        store_extent_at(t->store, table_end - end, end, &extent) == -1 || !extent.hole)
        return 0;
    table_end = end + round_down(min_u64(extent.length, table_end - end), slice_size);
    /* what is in memory may be newer than the file */
    while (end < table_end && cache_find(&t->l2_cache, end) == NULL)
        end += slice_size;
    return (end - at) / t->geometry.l2_entry_size;
}

enum l2_result l2_find(struct tables *t, uint64_t guest_offset, bool load, struct l2_run *run)
{
    uint64_t l1_index = geometry_l1_index(&t->geometry, guest_offset);
    uint64_t l2_index = geometry_l2_index(&t->geometry, guest_offset);
    uint64_t l1_entry = t->l1[l1_index];
    uint64_t table, at;

    *run = (struct l2_run){
        .exclusive = l1_entry & ENTRY_COPIED,
        .count = t->geometry.l2_entries - l2_index,
    };
    if (l2_table_offset(t, l1_entry, l1_index, &table) == -1)
        return L2_ERROR;
    if (table == 0)
        return L2_ABSENT;
    at = table + l2_index * t->geometry.l2_entry_size;
    run->offset = at;
    run->count = (cache_slice_start(&t->l2_cache, at) + t->l2_cache.slice_size - at) /
                 t->geometry.l2_entry_size;
    run->entries = cache_find(&t->l2_cache, at);
    if (run->entries == NULL && !load)
        return L2_NOT_LOADED;
    if (run->entries == NULL) {
        run->entries = cache_load(&t->l2_cache, at);
        if (run->entries == NULL)
            return L2_ERROR;
        run->zeroes = count_zeroes(t, table, at, run->entries);
    }
    return L2_FOUND;
}

/* ------------------------------------------------------------------------------------------------
 * Making a table writable
 */

/* The whole old table as the guest sees it, what is in memory over what is on disk, without COPIED:
 * what a shared table refers to is shared, too. */
static int copy_table(struct tables *t, uint64_t from, uint64_t to)
{
    uint64_t size = t->geometry.cluster_size, slice_size = t->l2_cache.slice_size;
    CLEANUP_FREE uint8_t *table = malloc(size);

    if (table == NULL)
        return error_no_memory(), -1;
    if (store_pread(t->store, table, size, from) == -1)
        return -1;
    for (uint64_t at = 0; at < size; at += slice_size) {
        const uint8_t *slice = cache_find(&t->l2_cache, from + at);

        if (slice != NULL)
            memcpy(table + at, slice, slice_size);
    }
    for (uint64_t at = 0; at < size; at += t->geometry.l2_entry_size)
        store_be64(table + at, load_be64(table + at) & ~ENTRY_COPIED);
    return store_pwrite(t->store, table, size, to);
}

/* The old table is the active one no more. */
static int release_table(struct tables *t, uint64_t offset)
{
    cache_drop(&t->l2_cache, offset, t->geometry.cluster_size);
    metadata_map_remove_cluster(&t->map, METADATA_ACTIVE_L2, offset);
    return refcount_drop(t, offset, t->geometry.cluster_size, FREED_OTHERWISE);
}

/* A new table that the L1 entry may name.  Nothing can fail after that. */
static int note_table(struct tables *t, uint64_t l1_index, uint64_t offset)
{
    if (metadata_map_add_cluster(&t->map, METADATA_ACTIVE_L2, offset) == -1)
        return -1;
    if (index_list_add(&t->fresh_l2, l1_index) == 0)
        return 0;
    metadata_map_remove_cluster(&t->map, METADATA_ACTIVE_L2, offset);
    return -1;
}

int l2_make_writable_locked(struct tables *t, uint64_t guest_offset)
{
    uint64_t l1_index = geometry_l1_index(&t->geometry, guest_offset);
    uint64_t size = t->geometry.cluster_size;
    uint64_t old, new;
    bool never_written;

    if (l2_table_offset(t, t->l1[l1_index], l1_index, &old) == -1)
        return -1;
    if (old != 0 && t->l1[l1_index] & ENTRY_COPIED)
        return tables_check_overlap(t, old, size, METADATA_ACTIVE_L2);
    if (refcount_allocate(t, 1, &new, &never_written) == -1)
        return -1;
    if ((old ? copy_table(t, old, new) : store_zero(t->store, size, new, false)) == -1 ||
        note_table(t, l1_index, new) == -1) {
        refcount_abandon(t, new, size);
        return -1;
    }
    cache_drop(&t->l2_cache, new, size);
    t->l1[l1_index] = new | ENTRY_COPIED;
    return old ? release_table(t, old) : 0;
}

void l2_run_set_locked(struct tables *t, struct l2_run *run, uint64_t index, struct l2_entry entry)
{
    if (!run->changed)
        cache_mark_dirty(&t->l2_cache, run->offset);
    run->changed = true;
    l2_entry_store(&t->geometry, run->entries + index * t->geometry.l2_entry_size, entry);
}
