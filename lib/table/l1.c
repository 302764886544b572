/* SPDX-License-Identifier: BSD-3-Clause */
/* l1.c - L1 tables: writing one, putting one into force, taking one over in memory */

#include "table/l1.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"

int l1_write(struct tables *t, const uint64_t *entries, uint32_t count, uint64_t l1_table_offset,
             enum l1_copied copied)
{
    uint64_t clear = copied == L1_CLEAR_COPIED ? ENTRY_COPIED : 0;
    uint64_t bytes = (uint64_t)count * L1_ENTRY_SIZE;
    CLEANUP_FREE uint8_t *table = malloc(bytes ? bytes : 1);

    if (table == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < count; i++)
        store_be64(table + (size_t)i * L1_ENTRY_SIZE, entries[i] & ~clear);
    return bytes ? store_pwrite(t->store, table, bytes, l1_table_offset) : 0;
}

int l1_write_active_locked(struct tables *t)
{
    if (tables_check_overlap(t, t->l1_table_offset, (uint64_t)t->l1_size * L1_ENTRY_SIZE,
                             METADATA_ACTIVE_L1) == -1)
        return -1;
    return l1_write(t, t->l1, t->l1_size, t->l1_table_offset, L1_KEEP_COPIED);
}

/* Clusters for which the file has room; holes are no room, where that is known. */
static int find_room(struct store *store, uint64_t length, uint64_t cluster_size,
                     uint64_t *clusters)
{
    uint64_t allocated;

    if (store->ops->allocated(store, &allocated) == -1)
        return -1;
    *clusters = div_round_up(min_u64(length, allocated), cluster_size);
    return 0;
}

static int compare_places(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Places that were there before.  They are sorted. */
static uint64_t count_repeated(uint64_t *places, uint64_t count)
{
    uint64_t repeated = 0;

    qsort(places, count, sizeof *places, compare_places);
    for (uint64_t i = 1; i < count; i++)
        repeated += places[i] == places[i - 1];
    return repeated;
}

int l1_check_places(struct store *store, uint64_t length, uint64_t cluster_size,
                    uint64_t l1_table_offset, uint64_t *places, uint64_t count)
{
    uint64_t room, repeated;

    if (find_room(store, length, cluster_size, &room) == -1)
        return -1;
    repeated = count > room ? count_repeated(places, count) : 0;
    if (repeated <= room)
        return 0;
    return error_set(EINVAL,
                     "The L1 table at offset 0x%" PRIx64 " names %" PRIu64
                     " L2 tables, but only %" PRIu64
                     " different ones, and the file has room for %" PRIu64 " clusters",
                     l1_table_offset, count, count - repeated, room);
}

int l1_check_room(struct tables *t)
{
    CLEANUP_FREE uint64_t *places = malloc(t->l1_size * sizeof *places + 1);
    uint64_t count = 0;

    if (places == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < t->l1_size; i++) {
        uint64_t offset = t->l1[i] & L1_OFFSET_MASK;

        if (offset != 0 && offset < t->high_water)
            places[count++] = offset;
    }
    return l1_check_places(t->store, t->high_water, t->geometry.cluster_size, t->l1_table_offset,
                           places, count);
}

/* Bytes 24 to 47 of the header: size, crypt_method, l1_size, l1_table_offset. */
int l1_switch(struct tables *t, uint64_t size, uint64_t l1_table_offset, uint32_t l1_size)
{
    uint8_t bytes[HEADER_L1_AT + 12 - HEADER_SIZE_AT];

    store_be64(bytes, size);
    store_be32(bytes + 8, t->header.crypt_method);
    store_be32(bytes + 12, l1_size);
    store_be64(bytes + 16, l1_table_offset);
    if (tables_write_header(t, HEADER_SIZE_AT, bytes, sizeof bytes) == -1)
        return tables_fail(t);
    t->header.size = size;
    t->header.l1_size = l1_size;
    t->header.l1_table_offset = l1_table_offset;
    return 0;
}

/* Slices of tables that are active no more must not be found under a new owner. */
static void forget_l2(struct tables *t)
{
    for (uint32_t i = 0; i < t->l1_size; i++)
        if (t->l1[i] & L1_OFFSET_MASK)
            cache_drop(&t->l2_cache, t->l1[i] & L1_OFFSET_MASK, t->geometry.cluster_size);
}

int l1_adopt_locked(struct tables *t, uint64_t *entries, uint64_t l1_table_offset, uint32_t l1_size)
{
    forget_l2(t);
    free(t->l1);
    t->l1 = entries;
    t->l1_size = l1_size;
    t->l1_table_offset = l1_table_offset;
    metadata_map_clear_ranges(&t->map, METADATA_ACTIVE_L1);
    metadata_map_clear_clusters(&t->map, METADATA_ACTIVE_L2);
    for (uint32_t i = 0; i < l1_size; i++) {
        uint64_t l2_offset = entries[i] & L1_OFFSET_MASK;

        if (l2_offset && metadata_map_add_cluster(&t->map, METADATA_ACTIVE_L2, l2_offset) == -1)
            return -1;
    }
    return metadata_map_add_range(&t->map, METADATA_ACTIVE_L1, l1_table_offset,
                                  (uint64_t)l1_size * L1_ENTRY_SIZE);
}
