/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_trim.c - refcount structures as small, and as near to the start, as they can be
 *
 * An image that has been emptied still has the refcount blocks of what it held.  A block is needed if
 * it counts something else than a block, or a block that is needed.
 *
 * The entries of the others are cleared in the refcount table, a sector of it at a time, the last one
 * first, with a barrier after each: a block must not be without a count while the table still names it
 * (rule R1), and a block is counted by itself or by one before it.  Where that is not so the block
 * stays.  Then the counts of the released blocks are lowered where a block that stays has them.
 *
 * A table that had grown lies far behind: it moves to the first free place, as one that grows does
 * (refcount_table.c), and is as long as the blocks that stay need it.  Then its own block may go.
 */

#include "table/refcount_trim.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "format/refcount_block.h"
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

static bool is_block(const struct tables *t, uint64_t cluster)
{
    uint64_t size = t->geometry.cluster_size;

    return metadata_map_find(&t->map, cluster * size, size, METADATA_NONE) ==
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

static int find_needed(struct trim *trim)
{
    struct tables *t = trim->t;
    bool more = true;
    WRITE_SCOPE(&t->lock);

    for (uint64_t i = 0; i < t->refcount_table_size; i++) {
        int others = block_at(t, i) ? counts_others(t, i) : 0;

        if (others == -1)
            return -1;
        trim->needed[i] = others || (block_at(t, i) && counter_of(t, i) > i);
    }
    while (more) {
        more = false;
        for (uint64_t i = 0; i < t->refcount_table_size; i++) {
            uint64_t counter = counter_of(t, i);

            if (!trim->needed[i] || counter >= t->refcount_table_size || trim->needed[counter])
                continue;
            trim->needed[counter] = true;
            more = true;
        }
    }
    return 0;
}

/* One sector of the refcount table without the entries of blocks that go. */
static int write_sector(struct trim *trim, uint64_t first)
{
    struct tables *t = trim->t;
    uint8_t sector[HEADER_SECTOR];
    bool changed = false;

    for (uint64_t i = 0; i < ENTRIES_PER_SECTOR; i++) {
        bool goes = block_at(t, first + i) && !trim->needed[first + i];

        store_be64(sector + i * REFCOUNT_TABLE_ENTRY_SIZE, goes ? 0 : t->refcount_table[first + i]);
        changed = changed || goes;
    }
    if (!changed)
        return 0;
    if (store_pwrite(t->store, sector, sizeof sector,
                     t->refcount_table_offset + first * REFCOUNT_TABLE_ENTRY_SIZE) == -1)
        return -1;
    return store_flush(t->store);
}

static int write_sectors(struct trim *trim)
{
    for (uint64_t end = trim->t->refcount_table_size; end > 0; end -= ENTRIES_PER_SECTOR)
        if (write_sector(trim, end - ENTRIES_PER_SECTOR) == -1)
            return -1;
    return 0;
}

/* The table in memory follows; *block is where the entry pointed. */
static void forget_block(struct tables *t, uint64_t index, uint64_t *block)
{
    WRITE_SCOPE(&t->lock);

    *block = block_at(t, index);
    cache_drop(&t->refcount_cache, *block, t->geometry.cluster_size);
    metadata_map_remove_cluster(&t->map, METADATA_REFCOUNT_BLOCK, *block);
    t->refcount_table[index] = 0;
}

static int release_blocks(struct trim *trim)
{
    struct tables *t = trim->t;

    for (uint64_t i = t->refcount_table_size; i-- > 0;) {
        uint64_t counter = counter_of(t, i), block;

        if (block_at(t, i) == 0 || trim->needed[i])
            continue;
        forget_block(t, i, &block);
        if (trim->needed[counter] && tree_release(t, block, t->geometry.cluster_size) == -1)
            return -1;
    }
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
    bool never_written;
    WRITE_SCOPE(&t->lock);

    if (copy == NULL)
        return error_no_memory(), -1;
    if (refcount_allocate(t, bytes >> t->geometry.cluster_bits, offset, &never_written) == -1)
        return -1;
    for (uint64_t at = 0; at < bytes; at += REFCOUNT_TABLE_ENTRY_SIZE)
        store_be64(copy + at, t->refcount_table[at / REFCOUNT_TABLE_ENTRY_SIZE]);
    if (*offset < t->refcount_table_offset)
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
        tree_release(t, old_offset, old_bytes) == -1)
        return tables_fail(t); /* which table is in force is unknown */
    return tables_settle(t);
}

int refcount_trim(struct tables *t)
{
    uint64_t old_offset = t->refcount_table_offset;

    if (trim_blocks(t) == -1 || tables_settle(t) == -1 || move_table(t) == -1)
        return -1;
    return t->refcount_table_offset == old_offset ? 0 : trim_blocks(t);
}
