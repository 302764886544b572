/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_trim.c - refcount structures as small, and as near to the start, as they can be
 *
 * An image that has been emptied still has the refcount blocks of what it held.  A block is needed
 * if it counts something else than a block, or a block that is needed.
 *
 * The entries of the others are cleared in the refcount table, a sector of it at a time, the last
 * one first: a block must not be without a count while the table still names it (rule R1), and a
 * block is counted by itself, or by one whose entry is in the same sector or an earlier one.  Where
 * that is not so the block stays.  There is a barrier before a sector with the entry of a block
 * that counts one in a later sector, and one in the end.  Then the counts of the released blocks
 * are lowered where a block that stays has them.
 *
 * A table that had grown lies far behind: it moves to the first free place, as one that grows does
 * (refcount_table.c), and is as long as the blocks that stay need it.  Then its own block may go,
 * and the table be shorter yet: all is done again until the table stays.
 */

#include "table/refcount_trim.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "format/refcount_block.h"
#include "table/clusters.h"
#include "table/flush.h"
#include "table/refcount.h"
#include "table/tree.h"

#define ENTRIES_PER_SECTOR (HEADER_SECTOR / REFCOUNT_TABLE_ENTRY_SIZE)

struct trim {
    struct tables *t;
    bool *needed; /* by index in the refcount table */
};

static uint64_t block_at(const struct tables *t, uint64_t index)
{
    return t->refcount_table[index] & REFCOUNT_TABLE_OFFSET_MASK;
}

/* The index of the block that counts a block. */
static uint64_t counter_of(const struct tables *t, uint64_t index)
{
    return block_at(t, index) >> t->geometry.cluster_bits >> t->geometry.refcount_block_bits;
}

/* Is the entry of the block that counts it in a later sector of the table? */
static bool is_counted_later(const struct tables *t, uint64_t index)
{
    return counter_of(t, index) / ENTRIES_PER_SECTOR > index / ENTRIES_PER_SECTOR;
}

static bool is_block(const struct tables *t, uint64_t cluster)
{
    uint64_t size = t->geometry.cluster_size;

    return metadata_map_find(&t->map, cluster * size, size, METADATA_REFCOUNT_BLOCK) ==
           METADATA_REFCOUNT_BLOCK;
}

/* Does the block count something that is no block?  1 or 0, -1 on errors. */
static int counts_others(struct tables *t, uint64_t index)
{
    uint64_t start = index << t->geometry.refcount_block_bits;
    uint64_t end = (index + 1) << t->geometry.refcount_block_bits;
    struct refcount_run run;

    for (uint64_t c = start; c < end; c += run.count) {
        if (refcount_run(t, c, &run) == -1)
            return -1;
        for (uint64_t i = 0; run.counts && i < run.count; i++)
            if (refcount_block_get(run.counts, t->geometry.refcount_order, run.index + i) != 0 &&
                !is_block(t, c + i))
                return 1;
    }
    return 0;
}

/* A block, that which counts it, that which counts that one ...: a chain ends where another
 * went. */
static void need(struct trim *trim, uint64_t index)
{
    while (index < trim->t->refcount_table_size && !trim->needed[index]) {
        trim->needed[index] = true;
        index = counter_of(trim->t, index);
    }
}

static int find_needed(struct trim *trim)
{
    struct tables *t = trim->t;
    WRITE_SCOPE(&t->lock);

    for (uint64_t i = 0; i < t->refcount_table_size; i++) {
        int others = block_at(t, i) ? counts_others(t, i) : 0;

        if (others == -1)
            return -1;
        if (others || (block_at(t, i) && is_counted_later(t, i)))
            need(trim, i);
    }
    return 0;
}

static bool goes(const struct trim *trim, uint64_t index)
{
    return block_at(trim->t, index) && !trim->needed[index];
}

static void encode_sector(const struct trim *trim, uint64_t first, uint8_t *sector)
{
    for (uint64_t i = 0; i < ENTRIES_PER_SECTOR; i++)
        store_be64(sector + i * REFCOUNT_TABLE_ENTRY_SIZE,
                   goes(trim, first + i) ? 0 : trim->t->refcount_table[first + i]);
}

/* One sector of the table without the entries of blocks that go.  *counter: the end of the blocks
 * that count what sectors written since the last barrier do not name any more, but the disk may. */
static int write_sector(const struct trim *trim, uint64_t first, uint64_t *counter)
{
    struct tables *t = trim->t;
    uint8_t sector[HEADER_SECTOR];
    uint64_t end = 0;
    bool changes = false;

    for (uint64_t i = first; i < first + ENTRIES_PER_SECTOR; i++) {
        changes = changes || goes(trim, i);
        if (goes(trim, i) && counter_of(t, i) < first && goes(trim, counter_of(t, i)))
            end = max_u64(end, counter_of(t, i) + 1);
    }
    if (!changes)
        return 0;
    if (*counter > first) {
        if (store_flush(t->store) == -1)
            return -1;
        *counter = 0;
    }
    *counter = max_u64(*counter, end);
    encode_sector(trim, first, sector);
    return store_pwrite(t->store, sector, sizeof sector,
                        t->refcount_table_offset + first * REFCOUNT_TABLE_ENTRY_SIZE);
}

static int write_sectors(const struct trim *trim)
{
    uint64_t counter = 0;

    for (uint64_t end = trim->t->refcount_table_size; end > 0; end -= ENTRIES_PER_SECTOR)
        if (write_sector(trim, end - ENTRIES_PER_SECTOR, &counter) == -1)
            return -1;
    return store_flush(trim->t->store);
}

/* The table in memory follows.  Returns where the entry pointed. */
static uint64_t forget_block(struct tables *t, uint64_t index)
{
    uint64_t block;
    WRITE_SCOPE(&t->lock);

    block = block_at(t, index);
    cache_drop(&t->refcount_cache, block, t->geometry.cluster_size);
    metadata_map_remove_cluster(&t->map, METADATA_REFCOUNT_BLOCK, block);
    t->refcount_table[index] = 0;
    t->free_cursor = min_u64(t->free_cursor, block >> t->geometry.cluster_bits);
    return block;
}

static int release_block(const struct trim *trim, uint64_t index)
{
    struct tables *t = trim->t;
    bool counted = trim->needed[counter_of(t, index)];
    uint64_t block = forget_block(t, index);

    if (counted)
        return tree_give_back(t, block, t->geometry.cluster_size);
    clusters_punch(t, block, t->geometry.cluster_size);
    return 0;
}

static int release_blocks(const struct trim *trim)
{
    for (uint64_t i = trim->t->refcount_table_size; i-- > 0;)
        if (goes(trim, i) && release_block(trim, i) == -1)
            return -1;
    return 0;
}

static int trim_blocks(struct tables *t)
{
    CLEANUP_FREE bool *needed = calloc(t->refcount_table_size, sizeof needed[0]);
    struct trim trim = { t, needed };

    if (needed == NULL)
        return error_no_memory(), -1;
    if (find_needed(&trim) == -1)
        return -1;
    return write_sectors(&trim) == -1 || release_blocks(&trim) == -1 ? tables_fail(t) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The table
 */

/* The bytes that the table needs, in clusters. */
static uint64_t needed_bytes(const struct tables *t)
{
    uint64_t last = t->refcount_table_size - 1;

    while (last > 0 && block_at(t, last) == 0)
        last--;
    return round_up((last + 1) * REFCOUNT_TABLE_ENTRY_SIZE, t->geometry.cluster_size);
}

/* Write the table to the first free place; *offset is 0 if that is not before the old one. */
static int copy_table(struct tables *t, uint64_t bytes, uint64_t *offset)
{
    CLEANUP_FREE uint8_t *copy = malloc(bytes);
    uint64_t clusters = bytes >> t->geometry.cluster_bits;
    bool never_written;
    WRITE_SCOPE(&t->lock);

    if (copy == NULL)
        return error_no_memory(), -1;
    if (refcount_find_free(t, clusters, offset) == -1)
        return -1;
    if (*offset > t->refcount_table_offset) {
        *offset = 0;
        return 0;
    }
    t->free_cursor = *offset >> t->geometry.cluster_bits;
    if (refcount_allocate(t, clusters, offset, &never_written) == -1)
        return -1;
    for (uint64_t at = 0; at < bytes; at += REFCOUNT_TABLE_ENTRY_SIZE)
        store_be64(copy + at, t->refcount_table[at / REFCOUNT_TABLE_ENTRY_SIZE]);
    if (*offset < t->refcount_table_offset) /* a new block may have taken the place */
        return store_pwrite(t->store, copy, bytes, *offset);
    if (refcount_lower(t, *offset, bytes) == -1)
        return -1;
    *offset = 0;
    return 0;
}

/* The copy is durable: it comes into force. */
static int switch_table(struct tables *t, uint64_t offset, uint64_t bytes)
{
    uint8_t fields[12];

    store_be64(fields, offset);
    store_be32(fields + 8, (uint32_t)(bytes >> t->geometry.cluster_bits));
    if (tables_write_header(t, HEADER_REFCOUNT_TABLE_AT, fields, sizeof fields) == -1)
        return -1;
    WRITE_SCOPE(&t->lock);
    t->refcount_table_size = bytes / REFCOUNT_TABLE_ENTRY_SIZE;
    t->refcount_table_offset = t->header.refcount_table_offset = offset;
    t->refcount_table_clusters = t->header.refcount_table_clusters =
        (uint32_t)(bytes >> t->geometry.cluster_bits);
    metadata_map_clear_ranges(&t->map, METADATA_REFCOUNT_TABLE);
    return metadata_map_add_range(&t->map, METADATA_REFCOUNT_TABLE, offset, bytes);
}

static int move_table(struct tables *t)
{
    uint64_t old_offset = t->refcount_table_offset, bytes = needed_bytes(t), offset;
    uint64_t old_bytes = t->refcount_table_size * REFCOUNT_TABLE_ENTRY_SIZE;

    if (copy_table(t, bytes, &offset) == -1)
        return -1;
    if (offset == 0)
        return 0;
    if (tables_flush(t) == -1 || switch_table(t, offset, bytes) == -1 ||
        tree_give_back(t, old_offset, old_bytes) == -1)
        return tables_fail(t); /* which table is in force is unknown */
    return tables_settle(t);
}

int refcount_trim(struct tables *t)
{
    uint64_t old_offset;

    do {
        old_offset = t->refcount_table_offset;
        if (tables_settle(t) == -1 || trim_blocks(t) == -1 || tables_settle(t) == -1 ||
            move_table(t) == -1)
            return -1;
    } while (t->refcount_table_offset < old_offset);
    return 0;
}
