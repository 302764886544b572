/* SPDX-License-Identifier: BSD-3-Clause */
/* map.h - a hash table from 64-bit keys to 64-bit values
 *
 * Open addressing with linear probing, at most three quarters full, no removal.  An empty map takes
 * no memory.  Keys come from images that may be hostile: the hash is mixed with the address of the
 * slots, which differs from run to run, so that nobody can choose keys that collide.
 */

#ifndef QCOW2_CHECK_MAP_H
#define QCOW2_CHECK_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key; /* + 1, so that 0 means empty; UINT64_MAX cannot be a key */
    uint64_t value;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t used;
};

/* The value of key, or NULL. */
uint64_t *map_find(const struct map *map, uint64_t key);

/* The value of key, which is set to initial if it was not there.  NULL: out of memory.  Valid until
 * the next call. */
uint64_t *map_insert(struct map *map, uint64_t key, uint64_t initial);

void map_destroy(struct map *map);

#endif
