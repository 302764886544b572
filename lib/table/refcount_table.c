/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_table.c - a refcount table that has become too small
 *
 * The new table and the blocks that count it are put together into an area at the start of a
 * block's range behind everything in use:
 *
 *     S                       S + blocks            S + blocks + table_clusters
 *     | new refcount blocks   | new refcount table  |
 *
 * All of it is written and made durable, then one write of the header switches to it (rule R7),
 * then the old table loses its reference.  The new table holds half as many entries again as
 * needed. */

#include "table/refcount_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/refcount_block.h"
#include "table/refcount.h"

struct area {
    uint64_t first_block;    /* refcount table index of the first new block */
    uint64_t blocks;         /* new blocks */
    uint64_t table_clusters; /* of the new table */
    uint64_t entries;        /* of the new table */
    uint64_t offset;         /* S, bytes */
};

/* The places that QEMU chooses: the new blocks are counted as if all blocks, the old ones too, lay
 * in the area, and half the table is added once as a reserve. */
static uint64_t total_blocks(uint64_t first_block, uint64_t per_block, uint64_t per_cluster)
{
    uint64_t reserve = 0, total = first_block + 1, last;

    for (int round = 0; round < 2; round++) {
        do {
            last = total;
            total = div_round_up(first_block * per_block + reserve +
                                     div_round_up(total, per_cluster) + total,
                                 per_block);
        } while (total != last);
        reserve = div_round_up(div_round_up(total, per_cluster), 2);
    }
    return total;
}

static int plan_area(const struct tables *t, uint64_t clusters, struct area *a)
{
    uint64_t per_block = UINT64_C(1) << t->geometry.refcount_block_bits;
    uint64_t per_cluster = t->geometry.cluster_size / REFCOUNT_TABLE_ENTRY_SIZE;
    uint64_t total;

    *a = (struct area){ .first_block = div_round_up(clusters, per_block) };
    a->offset = a->first_block * per_block << t->geometry.cluster_bits;
    total = total_blocks(a->first_block, per_block, per_cluster);
    a->table_clusters = div_round_up(total + div_round_up(total, 2), per_cluster);
    a->entries = a->table_clusters * per_cluster;
    for (a->blocks = total - a->first_block; a->blocks * per_block < a->blocks + a->table_clusters;)
        a->blocks++;
    if (a->entries * REFCOUNT_TABLE_ENTRY_SIZE > MAX_REFCOUNT_TABLE_BYTES)
        return error_set(EFBIG,
                         "Image '%s' cannot grow: its refcount table would pass %" PRIu64 " bytes",
                         t->store->name, (uint64_t)MAX_REFCOUNT_TABLE_BYTES);
    return 0;
}

/* The new blocks: a count of 1 for each cluster of the area, 0 for the rest of their range. */
static int write_blocks(struct tables *t, const struct area *a)
{
    uint64_t per_block = UINT64_C(1) << t->geometry.refcount_block_bits;
    uint64_t counted = a->blocks + a->table_clusters;
    CLEANUP_FREE uint8_t *block = malloc(t->geometry.cluster_size);

    if (block == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < a->blocks; i++) {
        uint64_t before = min_u64(i * per_block, counted);
        uint64_t here = min_u64(counted - before, per_block);

        memset(block, 0, t->geometry.cluster_size);
        for (uint64_t k = 0; k < here; k++)
            refcount_block_set(block, t->geometry.refcount_order, k, 1);
        if (store_pwrite(t->store, block, t->geometry.cluster_size,
                         a->offset + (i << t->geometry.cluster_bits)) == -1)
            return -1;
    }
    return 0;
}

/* The new table in memory: the old entries, and the new blocks. */
static uint64_t *new_entries(const struct tables *t, const struct area *a)
{
    uint64_t *entries = calloc(a->entries, sizeof entries[0]);

    if (entries == NULL)
        return error_no_memory();
    memcpy(entries, t->refcount_table, t->refcount_table_size * sizeof entries[0]);
    for (uint64_t i = 0; i < a->blocks; i++)
        entries[a->first_block + i] = a->offset + (i << t->geometry.cluster_bits);
    return entries;
}

static int write_table(struct tables *t, const struct area *a, const uint64_t *entries)
{
    uint64_t bytes = a->entries * REFCOUNT_TABLE_ENTRY_SIZE;
    CLEANUP_FREE uint8_t *table = malloc(bytes);

    if (table == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < a->entries; i++)
        store_be64(table + i * REFCOUNT_TABLE_ENTRY_SIZE, entries[i]);
    return store_pwrite(t->store, table, bytes,
                        a->offset + (a->blocks << t->geometry.cluster_bits));
}

static int switch_header(struct tables *t, const struct area *a)
{
    uint8_t bytes[12];

    store_be64(bytes, a->offset + (a->blocks << t->geometry.cluster_bits));
    store_be32(bytes + 8, (uint32_t)a->table_clusters);
    return tables_write_header(t, HEADER_REFCOUNT_TABLE_AT, bytes, sizeof bytes);
}

static int adopt(struct tables *t, const struct area *a, uint64_t *entries)
{
    uint64_t old_offset = t->refcount_table_offset;
    uint64_t old_bytes = (uint64_t)t->refcount_table_clusters << t->geometry.cluster_bits;

    free(t->refcount_table);
    t->refcount_table = entries;
    t->refcount_table_size = a->entries;
    t->refcount_table_offset = a->offset + (a->blocks << t->geometry.cluster_bits);
    t->refcount_table_clusters = (uint32_t)a->table_clusters;
    t->header.refcount_table_offset = t->refcount_table_offset;
    t->header.refcount_table_clusters = t->refcount_table_clusters;
    t->fresh_blocks.count = 0;
    t->high_water = max_u64(t->high_water, t->refcount_table_offset +
                                               (a->table_clusters << t->geometry.cluster_bits));
    metadata_map_clear_ranges(&t->map, METADATA_REFCOUNT_TABLE);
    if (metadata_map_add_range(&t->map, METADATA_REFCOUNT_TABLE, t->refcount_table_offset,
                               a->entries * REFCOUNT_TABLE_ENTRY_SIZE) == -1)
        return -1;
    for (uint64_t i = 0; i < a->blocks; i++)
        if (metadata_map_add_cluster(&t->map, METADATA_REFCOUNT_BLOCK,
                                     a->offset + (i << t->geometry.cluster_bits)) == -1)
            return -1;
    return refcount_drop(t, old_offset, old_bytes, FREED_OTHERWISE);
}

int refcount_table_grow(struct tables *t, uint64_t clusters)
{
    CLEANUP_FREE uint64_t *entries = NULL;
    struct area a;

    if (plan_area(t, clusters, &a) == -1 ||
        tables_check_overlap(t, a.offset, (a.blocks + a.table_clusters) << t->geometry.cluster_bits,
                             METADATA_NONE) == -1)
        return -1;
    entries = new_entries(t, &a);
    if (entries == NULL || write_blocks(t, &a) == -1 || cache_write_all(&t->refcount_cache) == -1 ||
        write_table(t, &a, entries) == -1 || store_flush(t->store) == -1)
        return -1;
    if (switch_header(t, &a) == -1)
        return tables_fail(t); /* which table is in force is unknown */
    return adopt(t, &a, RELEASE(entries)) == -1 ? tables_fail(t) : 0;
}
