/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount.c - refcounts of host clusters, and finding free ones
 *
 * A search looks at refcounts only; a cluster beyond the last refcount block counts as free.  Then
 * a block is made for it, in the place where the cursor stands, and the search begins again at the
 * same cluster ("restart"), because the new block may have taken what the search had found.
 */

#include "table/refcount.h"

#include <errno.h>
#include <inttypes.h>

#include "format/refcount_block.h"
#include "table/refcount_table.h"

/* ------------------------------------------------------------------------------------------------
 * One refcount
 */

/* The host offset of the block that counts this cluster, 0 if there is none; validated. */
static int block_of(struct tables *t, uint64_t cluster, uint64_t *block)
{
    uint64_t index = cluster >> t->geometry.refcount_block_bits;
    uint64_t entry = index < t->refcount_table_size ? t->refcount_table[index] : 0;

    *block = entry & REFCOUNT_TABLE_OFFSET_MASK;
    if (!is_aligned(*block, t->geometry.cluster_size))
        return tables_corrupt(t,
                              "refcount block offset 0x%" PRIx64
                              " is not a multiple of the cluster size (refcount table entry "
                              "0x%" PRIx64 ")",
                              *block, index);
    if (*block >= t->high_water)
        return tables_corrupt(t,
                              "refcount block offset 0x%" PRIx64
                              " lies beyond the end of the file (refcount table entry "
                              "0x%" PRIx64 ")",
                              *block, index);
    return 0;
}

/* Where in its block this cluster's refcount is: its byte's host offset, and the index of the count
 * relative to the slice that holds it. */
static uint64_t position_in_block(const struct tables *t, uint64_t cluster, uint64_t *slice_index)
{
    uint64_t index = cluster & ((UINT64_C(1) << t->geometry.refcount_block_bits) - 1);
    uint64_t byte = (index << t->geometry.refcount_order) / 8;
    uint64_t per_slice = (uint64_t)t->refcount_cache.slice_size * 8 >> t->geometry.refcount_order;

    *slice_index = index % per_slice;
    return round_down(byte, t->refcount_cache.slice_size);
}

static int get(struct tables *t, uint64_t cluster, uint64_t *count)
{
    uint64_t block, slice_index, at;
    uint8_t *slice;

    *count = 0;
    if (block_of(t, cluster, &block) == -1)
        return -1;
    if (block == 0)
        return 0;
    at = position_in_block(t, cluster, &slice_index);
    slice = cache_load(&t->refcount_cache, block + at);
    if (slice == NULL)
        return -1;
    *count = refcount_block_get(slice, t->geometry.refcount_order, slice_index);
    return 0;
}

static int set(struct tables *t, uint64_t cluster, uint64_t count)
{
    uint64_t block, slice_index, at;
    uint8_t *slice;

    if (block_of(t, cluster, &block) == -1)
        return -1;
    if (tables_check_overlap(t, block, t->geometry.cluster_size, METADATA_REFCOUNT_BLOCK) == -1)
        return -1;
    at = position_in_block(t, cluster, &slice_index);
    slice = cache_load(&t->refcount_cache, block + at);
    if (slice == NULL)
        return -1;
    refcount_block_set(slice, t->geometry.refcount_order, slice_index, count);
    cache_mark_dirty(&t->refcount_cache, block + at);
    return 0;
}

int refcount_get(struct tables *t, uint64_t host_offset, uint64_t *count)
{
    return get(t, host_offset >> t->geometry.cluster_bits, count);
}

int refcount_run(struct tables *t, uint64_t cluster, struct refcount_run *run)
{
    uint64_t per_block = UINT64_C(1) << t->geometry.refcount_block_bits;
    uint64_t per_slice = (uint64_t)t->refcount_cache.slice_size * 8 >> t->geometry.refcount_order;
    uint64_t block, at;

    if (block_of(t, cluster, &block) == -1)
        return -1;
    *run =
        (struct refcount_run){ .first = cluster, .count = per_block - (cluster & (per_block - 1)) };
    if (block == 0)
        return 0;
    at = position_in_block(t, cluster, &run->index);
    run->counts = cache_load(&t->refcount_cache, block + at);
    run->count = per_slice - run->index;
    return run->counts ? 0 : -1;
}

/* ------------------------------------------------------------------------------------------------
 * Many refcounts
 */

/* The new count of a cluster, which may be refused. */
typedef int count_change(struct tables *t, uint64_t cluster, uint64_t *count);

static int change_slice(struct tables *t, uint64_t first, uint64_t end, uint64_t index,
                        uint8_t *slice, count_change *change)
{
    uint32_t order = t->geometry.refcount_order;

    for (uint64_t c = first; c < end; c++, index++) {
        uint64_t count = refcount_block_get(slice, order, index);

        if (change(t, c, &count) == -1)
            return -1;
        refcount_block_set(slice, order, index, count);
    }
    return 0;
}

/* Change the counts from first to end, slice by slice. */
static int change_run(struct tables *t, uint64_t first, uint64_t end, count_change *change)
{
    uint64_t per_slice = (uint64_t)t->refcount_cache.slice_size * 8 >> t->geometry.refcount_order;

    while (first < end) {
        uint64_t block, index, at, stop;
        uint8_t *slice;

        if (block_of(t, first, &block) == -1)
            return -1;
        if (block == 0)
            return tables_corrupt(
                t, "cluster at offset 0x%" PRIx64 " is in use but has a refcount of 0",
                first << t->geometry.cluster_bits);
        if (tables_check_overlap(t, block, t->geometry.cluster_size, METADATA_REFCOUNT_BLOCK) == -1)
            return -1;
        at = block + position_in_block(t, first, &index);
        stop = min_u64(end, first - index + per_slice);
        slice = cache_load(&t->refcount_cache, at);
        if (slice == NULL)
            return -1;
        cache_mark_dirty(&t->refcount_cache, at);
        if (change_slice(t, first, stop, index, slice, change) == -1)
            return -1;
        first = stop;
    }
    return 0;
}

static int count_one(struct tables *t, uint64_t cluster, uint64_t *count)
{
    (void)t;
    (void)cluster;
    *count = 1;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Searching
 */

/* Counts this far behind the end of the file that are not 0 make no sense, and looking at all of
 * them could take for ever. */
#define MAX_CLUSTERS_BEHIND_END (UINT64_C(1) << 20)

static int check_cursor(struct tables *t)
{
    uint64_t end = t->high_water >> t->geometry.cluster_bits;

    if (t->free_cursor >= MAX_HOST_OFFSET >> t->geometry.cluster_bits)
        return error_set(EFBIG, "Image '%s' is full: no free host cluster below 2^56",
                         t->store->name);
    if (t->free_cursor > end && t->free_cursor - end > MAX_CLUSTERS_BEHIND_END)
        return tables_corrupt(t,
                              "a million clusters behind the end of the file (0x%" PRIx64
                              ") have refcounts that are not 0",
                              t->high_water);
    return 0;
}

/* How many clusters from the cursor on are free, as far as one run of counts tells; 0 if the first
 * is not. */
static int free_ahead(struct tables *t, uint64_t *clusters, uint64_t most)
{
    struct refcount_run run;

    *clusters = 0;
    if (refcount_run(t, t->free_cursor, &run) == -1)
        return -1;
    for (uint64_t n = min_u64(run.count, most); *clusters < n; ++*clusters)
        if (refcount_run_get(&t->geometry, &run, t->free_cursor + *clusters) != 0)
            break;
    return 0;
}

/* The cursor passes the found run. */
static int find_free(struct tables *t, uint64_t clusters, uint64_t *first)
{
    uint64_t found = 0;

    while (found < clusters) {
        uint64_t ahead;

        if (free_ahead(t, &ahead, clusters - found) == -1 || (ahead == 0 && check_cursor(t) == -1))
            return -1;
        if (t->free_cursor == 0 && ahead > 0) /* nothing that the counts say can be believed */
            return tables_corrupt(t, "the header cluster has a refcount of 0");
        t->free_cursor += max_u64(ahead, 1);
        found = ahead == 0 ? 0 : found + ahead;
    }
    *first = t->free_cursor - clusters;
    return t->free_cursor > MAX_HOST_OFFSET >> t->geometry.cluster_bits ? check_cursor(t) : 0;
}

enum { PRESENT = 0, RESTART = 1 };

/* Make a block that counts this cluster.  RESTART: something was allocated, search again. */
static int ensure_block(struct tables *t, uint64_t cluster);

/* Write a new block of zeroes, in its own first state, and enter it in the table in memory.  What
 * can fail comes first: a block that is entered has its count. */
static int install_block(struct tables *t, uint64_t index, uint64_t block, bool counts_itself)
{
    uint64_t host_offset = block << t->geometry.cluster_bits, slice_index;
    uint64_t at = host_offset + position_in_block(t, block, &slice_index);
    uint8_t *slice = NULL;

    if (tables_check_overlap(t, host_offset, t->geometry.cluster_size, METADATA_NONE) == -1 ||
        store_zero(t->store, t->geometry.cluster_size, host_offset, false) == -1)
        return -1;
    cache_drop(&t->refcount_cache, host_offset, t->geometry.cluster_size);
    if (counts_itself && (slice = cache_load(&t->refcount_cache, at)) == NULL)
        return -1;
    if (metadata_map_add_cluster(&t->map, METADATA_REFCOUNT_BLOCK, host_offset) == -1)
        return -1;
    if (index_list_add(&t->fresh_blocks, index) == -1) {
        metadata_map_remove_cluster(&t->map, METADATA_REFCOUNT_BLOCK, host_offset);
        return -1;
    }
    if (counts_itself) {
        refcount_block_set(slice, t->geometry.refcount_order, slice_index, 1);
        cache_mark_dirty(&t->refcount_cache, at);
    }
    t->high_water = max_u64(t->high_water, host_offset + t->geometry.cluster_size);
    t->refcount_table[index] = host_offset;
    return 0;
}

static int ensure_block(struct tables *t, uint64_t cluster)
{
    uint64_t index = cluster >> t->geometry.refcount_block_bits;
    uint64_t existing, block;
    bool counts_itself;
    int r;

    if (block_of(t, cluster, &existing) == -1)
        return -1;
    if (existing != 0)
        return PRESENT;
    if (find_free(t, 1, &block) == -1)
        return -1;
    if (index >= t->refcount_table_size) {
        uint64_t reach = max_u64(cluster + 1, block);

        t->free_cursor = min_u64(t->free_cursor, block);
        return refcount_table_grow(t, reach) == -1 ? -1 : RESTART;
    }
    counts_itself = block >> t->geometry.refcount_block_bits == index;
    if (!counts_itself) {
        r = ensure_block(t, block);
        if (r != PRESENT) {
            t->free_cursor = min_u64(t->free_cursor, block);
            return r;
        }
        if (set(t, block, 1) == -1)
            return -1;
    }
    return install_block(t, index, block, counts_itself) == -1 ? -1 : RESTART;
}

static int ensure_blocks(struct tables *t, uint64_t first, uint64_t clusters)
{
    uint64_t per_block = UINT64_C(1) << t->geometry.refcount_block_bits;

    for (uint64_t c = first; c < first + clusters; c = round_down(c, per_block) + per_block) {
        int r = ensure_block(t, c);

        if (r != PRESENT)
            return r;
    }
    return PRESENT;
}

/* ------------------------------------------------------------------------------------------------
 * Allocating
 */

/* Give the free clusters of a run a count of 1. */
static int take(struct tables *t, uint64_t first, uint64_t clusters, uint64_t *host_offset,
                bool *never_written)
{
    uint64_t bytes = clusters << t->geometry.cluster_bits;

    *host_offset = first << t->geometry.cluster_bits;
    if (tables_check_overlap(t, *host_offset, bytes, METADATA_NONE) == -1)
        return -1;
    if (change_run(t, first, first + clusters, count_one) == -1)
        return -1;
    *never_written = *host_offset >= t->high_water;
    t->high_water = max_u64(t->high_water, *host_offset + bytes);
    return 0;
}

int refcount_find_free(struct tables *t, uint64_t clusters, uint64_t *host_offset)
{
    uint64_t cursor = t->free_cursor, first;
    int r;

    t->free_cursor = 0;
    r = find_free(t, clusters, &first);
    t->free_cursor = cursor;
    *host_offset = r == 0 ? first << t->geometry.cluster_bits : 0;
    return r;
}

int refcount_allocate(struct tables *t, uint64_t clusters, uint64_t *host_offset,
                      bool *never_written)
{
    uint64_t first;
    int r;

    do {
        if (find_free(t, clusters, &first) == -1)
            return -1;
        r = ensure_blocks(t, first, clusters);
        if (r == -1)
            return -1;
        if (r == RESTART)
            t->free_cursor = min_u64(t->free_cursor, first);
    } while (r == RESTART);
    return take(t, first, clusters, host_offset, never_written);
}

/* Where a stream goes: at the byte cursor, going on into the next free cluster if that is its
 * neighbour, or to the start of a new cluster. */
static int place_bytes(struct tables *t, uint64_t size, uint64_t *at, uint64_t *new_cluster)
{
    uint64_t cluster_size = t->geometry.cluster_size;
    uint64_t left = round_up(t->free_byte, cluster_size) - t->free_byte, count, first;

    *at = t->free_byte;
    *new_cluster = 0;
    if (*at != 0) {
        if (get(t, *at >> t->geometry.cluster_bits, &count) == -1)
            return -1;
        if (count >= t->geometry.refcount_max)
            *at = 0;
    }
    if (*at != 0 && left >= size)
        return 0;
    if (find_free(t, 1, &first) == -1)
        return -1;
    *new_cluster = first << t->geometry.cluster_bits;
    if (*at == 0 || round_up(*at, cluster_size) != *new_cluster)
        *at = *new_cluster;
    return 0;
}

/* The stream touches a cluster that is in use, a new one, or both. */
static int count_bytes(struct tables *t, uint64_t at, uint64_t new_cluster)
{
    uint64_t host_offset;
    bool never_written;

    if (at != new_cluster && refcount_raise(t, at, 1) == -1)
        return -1;
    return new_cluster == 0
               ? 0
               : take(t, new_cluster >> t->geometry.cluster_bits, 1, &host_offset, &never_written);
}

int refcount_allocate_bytes(struct tables *t, uint64_t size, uint64_t *host_offset)
{
    uint64_t cluster_size = t->geometry.cluster_size;
    uint64_t limit = UINT64_C(1) << (70 - t->geometry.cluster_bits), new_cluster;
    int r;

    do {
        if (place_bytes(t, size, host_offset, &new_cluster) == -1)
            return -1;
        r = new_cluster ? ensure_block(t, new_cluster >> t->geometry.cluster_bits) : PRESENT;
        if (r == -1)
            return -1;
        if (r == RESTART)
            t->free_cursor = min_u64(t->free_cursor, new_cluster >> t->geometry.cluster_bits);
    } while (r == RESTART);
    if (*host_offset + size > min_u64(limit, MAX_HOST_OFFSET))
        return error_set(EFBIG, "Image '%s' is too large for another compressed cluster",
                         t->store->name);
    if (count_bytes(t, *host_offset, new_cluster) == -1)
        return -1;
    t->streams_written = true;
    t->free_byte = *host_offset + size;
    if (is_aligned(t->free_byte, cluster_size))
        t->free_byte = 0;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Raising and lowering
 */

static int check_raise(struct tables *t, uint64_t cluster, uint64_t count)
{
    uint64_t host_offset = cluster << t->geometry.cluster_bits;

    if (count >= t->geometry.refcount_max)
        return error_set(EINVAL,
                         "The refcount of the cluster at offset 0x%" PRIx64 " in '%s' is %" PRIu64
                         " and cannot grow: refcounts of this "
                         "image have %u bits",
                         host_offset, t->store->name, count, 1u << t->geometry.refcount_order);
    if (count == 0)
        return tables_corrupt(
            t, "cluster at offset 0x%" PRIx64 " is in use but has a refcount of 0", host_offset);
    return 0;
}

int refcount_check_raise(struct tables *t, uint64_t host_offset, uint64_t bytes)
{
    uint64_t end = div_round_up(host_offset + bytes, t->geometry.cluster_size);
    struct refcount_run run;

    for (uint64_t c = host_offset >> t->geometry.cluster_bits; c < end; c = run.first + run.count) {
        if (refcount_run(t, c, &run) == -1)
            return -1;
        for (; c < min_u64(end, run.first + run.count); c++)
            if (check_raise(t, c, refcount_run_get(&t->geometry, &run, c)) == -1)
                return -1;
    }
    return 0;
}

static int count_one_more(struct tables *t, uint64_t cluster, uint64_t *count)
{
    (void)t;
    (void)cluster;
    *count += 1;
    return 0;
}

int refcount_raise(struct tables *t, uint64_t host_offset, uint64_t bytes)
{
    uint64_t first = host_offset >> t->geometry.cluster_bits;
    uint64_t end = div_round_up(host_offset + bytes, t->geometry.cluster_size);

    if (refcount_check_raise(t, host_offset, bytes) == -1)
        return -1;
    return change_run(t, first, end, count_one_more);
}

int refcount_drop(struct tables *t, uint64_t host_offset, uint64_t bytes, enum freed_by by)
{
    uint64_t start = round_down(host_offset, t->geometry.cluster_size);
    uint64_t end = round_up(host_offset + bytes, t->geometry.cluster_size);

    return quarantine_add(&t->quarantine, start, end - start, by);
}

static int count_one_less(struct tables *t, uint64_t cluster, uint64_t *count)
{
    if (*count == 0)
        return tables_corrupt(
            t, "cluster at offset 0x%" PRIx64 " lost a reference but has a refcount of 0",
            cluster << t->geometry.cluster_bits);
    *count -= 1;
    if (*count > 0)
        return 0;
    t->free_cursor = min_u64(t->free_cursor, cluster);
    if (t->free_byte >> t->geometry.cluster_bits == cluster)
        t->free_byte = 0;
    return 0;
}

int refcount_lower(struct tables *t, uint64_t host_offset, uint64_t bytes)
{
    uint64_t first = host_offset >> t->geometry.cluster_bits;
    uint64_t end = div_round_up(host_offset + bytes, t->geometry.cluster_size);

    return change_run(t, first, end, count_one_less);
}

void refcount_abandon(struct tables *t, uint64_t host_offset, uint64_t bytes)
{
    struct error error;

    error_save(&error);
    refcount_lower(t, host_offset, bytes);
    error_restore(&error);
}
