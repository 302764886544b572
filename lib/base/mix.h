/* SPDX-License-Identifier: BSD-3-Clause */
/* mix.h - keys that an image chooses, scattered over a hash table
 *
 * Whoever knows how a table scatters its keys can make an image whose keys all fall on one slot,
 * and every look into the table a long search.  So the address of its slots, which nobody knows
 * before, has a part in it. */

#ifndef QCOW2_BASE_MIX_H
#define QCOW2_BASE_MIX_H

#include <stdint.h>

static inline uint64_t mix(uint64_t key, const void *slots)
{
    uint64_t hash = key ^ (uint64_t)(uintptr_t)slots;

    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

#endif
