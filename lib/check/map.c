/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - a hash table from 64-bit keys to 64-bit values */

#include "check/map.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mix.h"

#define MAP_MIN_CAPACITY 16u

static size_t slot_of(const struct map *map, uint64_t key)
{
    return (size_t)mix(key, map->slots) & (map->capacity - 1);
}

/* The slot that holds key, or the empty one where it belongs.  The map has a free slot. */
static struct map_slot *probe(const struct map *map, uint64_t key)
{
    size_t i = slot_of(map, key);

    while (map->slots[i].key != 0 && map->slots[i].key != key + 1)
        i = (i + 1) & (map->capacity - 1);
    return &map->slots[i];
}

static int grow(struct map *map)
{
    struct map next = { .capacity = map->capacity ? 2 * map->capacity : MAP_MIN_CAPACITY };

    next.slots = calloc(next.capacity, sizeof next.slots[0]);
    if (next.slots == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key != 0)
            *probe(&next, map->slots[i].key - 1) = map->slots[i];
    next.used = map->used;
    free(map->slots);
    *map = next;
    return 0;
}

uint64_t *map_find(const struct map *map, uint64_t key)
{
    struct map_slot *slot;

    if (map->used == 0)
        return NULL;
    slot = probe(map, key);
    return slot->key ? &slot->value : NULL;
}

uint64_t *map_insert(struct map *map, uint64_t key, uint64_t initial)
{
    struct map_slot *slot;

    if (4 * (map->used + 1) > 3 * map->capacity && grow(map) == -1)
        return NULL;
    slot = probe(map, key);
    if (slot->key == 0) {
        *slot = (struct map_slot){ key + 1, initial };
        map->used++;
    }
    return &slot->value;
}

void map_destroy(struct map *map)
{
    free(map->slots);
    *map = (struct map){ 0 };
}
