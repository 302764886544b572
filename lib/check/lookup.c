/* SPDX-License-Identifier: BSD-3-Clause */
/* lookup.c - a hash table from 64-bit keys to 64-bit values */

#include "check/lookup.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mix.h"

#define MIN_CAPACITY 16u

static size_t slot_of(const struct lookup *lookup, uint64_t key)
{
    return (size_t)mix(key, lookup->slots) & (lookup->capacity - 1);
}

/* The slot that holds key, or the empty one where it belongs.  There is a free slot. */
static struct lookup_slot *probe(const struct lookup *lookup, uint64_t key)
{
    size_t i = slot_of(lookup, key);

    while (lookup->slots[i].key != 0 && lookup->slots[i].key != key + 1)
        i = (i + 1) & (lookup->capacity - 1);
    return &lookup->slots[i];
}

static int grow(struct lookup *lookup)
{
    struct lookup next = { .capacity = lookup->capacity ? 2 * lookup->capacity : MIN_CAPACITY };

    next.slots = calloc(next.capacity, sizeof next.slots[0]);
    if (next.slots == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < lookup->capacity; i++)
        if (lookup->slots[i].key != 0)
            *probe(&next, lookup->slots[i].key - 1) = lookup->slots[i];
    next.used = lookup->used;
    free(lookup->slots);
    *lookup = next;
    return 0;
}

uint64_t *lookup_find(const struct lookup *lookup, uint64_t key)
{
    struct lookup_slot *slot;

    if (lookup->used == 0)
        return NULL;
    slot = probe(lookup, key);
    return slot->key ? &slot->value : NULL;
}

uint64_t *lookup_insert(struct lookup *lookup, uint64_t key, uint64_t initial)
{
    struct lookup_slot *slot;

    if (4 * (lookup->used + 1) > 3 * lookup->capacity && grow(lookup) == -1)
        return NULL;
    slot = probe(lookup, key);
    if (slot->key == 0) {
        *slot = (struct lookup_slot){ key + 1, initial };
        lookup->used++;
    }
    return &slot->value;
}

void lookup_destroy(struct lookup *lookup)
{
    free(lookup->slots);
    *lookup = (struct lookup){ 0 };
}
