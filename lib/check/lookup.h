/* SPDX-License-Identifier: BSD-3-Clause */
/* lookup.h - a hash table from 64-bit keys to 64-bit values
 *
 * Open addressing with linear probing, at most three quarters full, no removal.  An empty one takes
 * no memory.  Keys come from images that may be hostile: the hash is mixed with the address of the
 * slots, which differs from run to run, so that nobody can choose keys that collide.
 */

#ifndef QCOW2_CHECK_LOOKUP_H
#define QCOW2_CHECK_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

struct lookup_slot {
    uint64_t key; /* + 1, so that 0 means empty; UINT64_MAX cannot be a key */
    uint64_t value;
};

struct lookup {
    struct lookup_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t used;
};

/* The value of key, or NULL. */
uint64_t *lookup_find(const struct lookup *lookup, uint64_t key);

/* The value of key, which is set to initial if it was not there.  NULL: out of memory.  Valid until
 * the next call. */
uint64_t *lookup_insert(struct lookup *lookup, uint64_t key, uint64_t initial);

void lookup_destroy(struct lookup *lookup);

#endif
