/* SPDX-License-Identifier: BSD-3-Clause */
/* l2_entry.h - what a standard L2 entry says (specification: "L2 table entry") */

#ifndef QCOW2_FORMAT_L2_ENTRY_H
#define QCOW2_FORMAT_L2_ENTRY_H

#include <stdbool.h>

#include "format/geometry.h"

enum cluster_type {
    CLUSTER_UNALLOCATED, /* ask the backing image */
    CLUSTER_ZERO_PLAIN,  /* reads as zeroes, no host cluster */
    CLUSTER_ZERO_ALLOC,  /* reads as zeroes, a host cluster is kept for it */
    CLUSTER_NORMAL,
    CLUSTER_COMPRESSED,
};

static inline enum cluster_type l2_entry_type(uint64_t entry)
{
    if (entry & L2_COMPRESSED)
        return CLUSTER_COMPRESSED;
    if (entry & L2_ZERO)
        return entry & L2_OFFSET_MASK ? CLUSTER_ZERO_ALLOC : CLUSTER_ZERO_PLAIN;
    return entry & L2_OFFSET_MASK ? CLUSTER_NORMAL : CLUSTER_UNALLOCATED;
}

/* The host cluster of a standard entry; 0 if it has none. */
static inline uint64_t l2_entry_host_offset(uint64_t entry)
{
    return entry & L2_COMPRESSED ? 0 : entry & L2_OFFSET_MASK;
}

/* Compressed descriptor: bits 0 to x-1 are a byte offset, the bits above it up to 61 the number of
 * further 512-byte sectors, where x = 62 - (cluster_bits - 8). */
static inline uint64_t l2_entry_compressed_offset(const struct geometry *g, uint64_t entry)
{
    return entry & ((UINT64_C(1) << (70 - g->cluster_bits)) - 1);
}

static inline uint64_t l2_entry_compressed_length(const struct geometry *g, uint64_t entry)
{
    uint32_t x = 70 - g->cluster_bits;
    uint64_t sectors = (entry & (L2_COMPRESSED - 1)) >> x;
    uint64_t offset = l2_entry_compressed_offset(g, entry);

    return (sectors + 1) * COMPRESSED_SECTOR - offset % COMPRESSED_SECTOR;
}

#endif
