/* SPDX-License-Identifier: BSD-3-Clause */
/* hash-set.h - a set of 64-bit hashes, with linear probing; 0 stands for an empty slot */

#ifndef CRASH_HASH_SET_H
#define CRASH_HASH_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct hash_set {
    uint64_t *slots;
    uint64_t room; /* a power of two */
    uint64_t count;
};

static inline uint64_t *hash_set_slot(const struct hash_set *set, uint64_t hash)
{
    uint64_t i = hash & (set->room - 1);

    while (set->slots[i] != 0 && set->slots[i] != hash)
        i = (i + 1) & (set->room - 1);
    return &set->slots[i];
}

static inline void hash_set_grow(struct hash_set *set)
{
    struct hash_set old = *set;

    set->room = old.room ? 2 * old.room : 1024;
    set->slots = calloc(set->room, sizeof set->slots[0]);
    if (set->slots == NULL)
        abort();
    for (uint64_t i = 0; i < old.room; i++)
        if (old.slots[i] != 0)
            *hash_set_slot(set, old.slots[i]) = old.slots[i];
    free(old.slots);
}

/* Returns whether it is new. */
static inline bool hash_set_add(struct hash_set *set, uint64_t hash)
{
    uint64_t *slot;

    if (2 * set->count >= set->room)
        hash_set_grow(set);
    hash += hash == 0;
    slot = hash_set_slot(set, hash);
    if (*slot == hash)
        return false;
    *slot = hash;
    set->count++;
    return true;
}

static inline void hash_set_clear(struct hash_set *set)
{
    if (set->count > 0)
        memset(set->slots, 0, set->room * sizeof set->slots[0]);
    set->count = 0;
}

static inline void hash_set_destroy(struct hash_set *set)
{
    free(set->slots);
    *set = (struct hash_set){ 0 };
}

#endif
