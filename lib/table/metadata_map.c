/* SPDX-License-Identifier: BSD-3-Clause */
/* metadata_map.c - where the metadata of an image lie, so that no write hits them by mistake
 *
 * The hash probes linearly.  A cluster whose counts fall to zero keeps its slot until the table
 * grows: L2 tables move rarely.
 */

#include "table/metadata_map.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/grow.h"
#include "base/mix.h"

void metadata_map_init(struct metadata_map *map, uint32_t cluster_bits)
{
    *map = (struct metadata_map){ .cluster_bits = cluster_bits };
}

void metadata_map_destroy(struct metadata_map *map)
{
    free(map->ranges);
    free(map->inactive_l1);
    free(map->slots);
    *map = (struct metadata_map){ 0 };
}

int metadata_map_add_range(struct metadata_map *map, enum metadata_class class, uint64_t offset,
                           uint64_t count)
{
    uint64_t cluster_size = UINT64_C(1) << map->cluster_bits;

    if (count == 0)
        return 0;
    if (GROW(map->ranges, map->range_capacity, map->range_count + 1) == -1)
        return -1;
    map->ranges[map->range_count++] =
        (struct metadata_range){ offset, round_up(count, cluster_size), class };
    return 0;
}

void metadata_map_clear_ranges(struct metadata_map *map, enum metadata_class class)
{
    size_t kept = 0;

    for (size_t i = 0; i < map->range_count; i++)
        if (map->ranges[i].class != class)
            map->ranges[kept++] = map->ranges[i];
    map->range_count = kept;
}

static int compare_l1(const void *a, const void *b)
{
    const struct metadata_l1 *x = a, *y = b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void metadata_map_set_inactive_l1(struct metadata_map *map, struct metadata_l1 *list, size_t count)
{
    uint64_t cluster_size = UINT64_C(1) << map->cluster_bits, max_end = 0;

    if (count > 0)
        qsort(list, count, sizeof list[0], compare_l1);
    for (size_t i = 0; i < count; i++) {
        list[i].end = round_up(list[i].end, cluster_size);
        list[i].max_end = max_end = max_u64(max_end, list[i].end);
    }
    free(map->inactive_l1);
    map->inactive_l1 = list;
    map->inactive_l1_count = count;
}

/* Of the tables that begin before the end of a range, does one end behind its start? */
static bool touches_inactive_l1(const struct metadata_map *map, uint64_t start, uint64_t end)
{
    size_t low = 0, high = map->inactive_l1_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (map->inactive_l1[middle].offset < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && map->inactive_l1[low - 1].max_end > start;
}

static struct metadata_slot *slot_of(const struct metadata_map *map, uint64_t cluster)
{
    size_t at = (size_t)mix(cluster, map->slots) & (map->slot_count - 1);

    while (map->slots[at].cluster != 0 && map->slots[at].cluster != cluster)
        at = (at + 1) & (map->slot_count - 1);
    return &map->slots[at];
}

static int grow(struct metadata_map *map)
{
    struct metadata_map next = *map;

    next.slot_count = map->slot_count ? map->slot_count * 2 : 64;
    next.used = 0;
    next.slots = calloc(next.slot_count, sizeof next.slots[0]);
    if (next.slots == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < map->slot_count; i++) {
        const struct metadata_slot *slot = &map->slots[i];

        if (slot->l2_count == 0 && slot->block_count == 0 && !slot->inactive_l2)
            continue;
        *slot_of(&next, slot->cluster) = *slot;
        next.used++;
    }
    free(map->slots);
    *map = next;
    return 0;
}

static uint32_t *count_of(struct metadata_slot *slot, enum metadata_class class)
{
    return class == METADATA_ACTIVE_L2 ? &slot->l2_count : &slot->block_count;
}

int metadata_map_add_cluster(struct metadata_map *map, enum metadata_class class,
                             uint64_t host_offset)
{
    uint64_t cluster = host_offset >> map->cluster_bits;
    struct metadata_slot *slot;

    if (cluster == 0)
        return 0; /* the header's range covers it */
    if (map->used >= map->slot_count / 2 && grow(map) == -1)
        return -1;
    slot = slot_of(map, cluster);
    if (slot->cluster == 0) {
        slot->cluster = cluster;
        map->used++;
    }
    if (class == METADATA_INACTIVE_L2)
        slot->inactive_l2 = true;
    else
        ++*count_of(slot, class);
    return 0;
}

void metadata_map_remove_cluster(struct metadata_map *map, enum metadata_class class,
                                 uint64_t host_offset)
{
    uint64_t cluster = host_offset >> map->cluster_bits;

    if (cluster == 0 || map->slot_count == 0)
        return;
    struct metadata_slot *slot = slot_of(map, cluster);

    if (slot->cluster != 0 && *count_of(slot, class) > 0)
        --*count_of(slot, class);
}

void metadata_map_clear_clusters(struct metadata_map *map, enum metadata_class class)
{
    for (size_t i = 0; i < map->slot_count; i++) {
        if (class == METADATA_INACTIVE_L2)
            map->slots[i].inactive_l2 = false;
        else
            *count_of(&map->slots[i], class) = 0;
    }
}

static enum metadata_class class_of_slot(const struct metadata_slot *slot, uint32_t classes)
{
    if (slot->cluster == 0)
        return METADATA_NONE;
    if (slot->l2_count > 0 && classes & METADATA_ACTIVE_L2)
        return METADATA_ACTIVE_L2;
    if (slot->block_count > 0 && classes & METADATA_REFCOUNT_BLOCK)
        return METADATA_REFCOUNT_BLOCK;
    if (slot->inactive_l2 && classes & METADATA_INACTIVE_L2)
        return METADATA_INACTIVE_L2;
    return METADATA_NONE;
}

enum metadata_class metadata_map_find(const struct metadata_map *map, uint64_t offset,
                                      uint64_t count, uint32_t classes)
{
    uint64_t first = offset >> map->cluster_bits;
    uint64_t end = div_round_up(offset + count, UINT64_C(1) << map->cluster_bits);

    for (size_t i = 0; i < map->range_count; i++) {
        const struct metadata_range *range = &map->ranges[i];

        if (range->class & classes &&
            ranges_overlap(range->offset, range->count, first << map->cluster_bits,
                           (end - first) << map->cluster_bits))
            return range->class;
    }
    if (classes & METADATA_INACTIVE_L1 &&
        touches_inactive_l1(map, first << map->cluster_bits, end << map->cluster_bits))
        return METADATA_INACTIVE_L1;
    if (map->slot_count == 0)
        return METADATA_NONE;
    for (uint64_t cluster = first; cluster < end; cluster++) {
        enum metadata_class class =
            cluster ? class_of_slot(slot_of(map, cluster), classes) : METADATA_NONE;

        if (class != METADATA_NONE)
            return class;
    }
    return METADATA_NONE;
}

const char *metadata_class_name(enum metadata_class class)
{
    switch (class) {
    case METADATA_NONE: return "guest data";
    case METADATA_HEADER: return "the header";
    case METADATA_ACTIVE_L1: return "the active L1 table";
    case METADATA_ACTIVE_L2: return "an active L2 table";
    case METADATA_REFCOUNT_TABLE: return "the refcount table";
    case METADATA_REFCOUNT_BLOCK: return "a refcount block";
    case METADATA_SNAPSHOT_TABLE: return "the snapshot table";
    case METADATA_INACTIVE_L1: return "the L1 table of a snapshot";
    case METADATA_INACTIVE_L2: return "an L2 table of a snapshot";
    case METADATA_ANY_L2: return "an L2 table";
    case METADATA_CRYPTO: return "the encryption header";
    case METADATA_BITMAP_DIRECTORY: return "the bitmap directory";
    }
    return "metadata";
}
