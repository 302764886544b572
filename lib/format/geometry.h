/* SPDX-License-Identifier: BSD-3-Clause */
/* geometry.h - guest offset to table indices, host offset to refcount indices
 *
 *   guest offset g:  l1_index = g / (cluster_size * l2_entries)
 *                    l2_index = (g / cluster_size) % l2_entries
 *   host offset h:   refcount table index = h / cluster_size / refcount_block_entries
 *                    refcount block index = (h / cluster_size) % refcount_block_entries
 */

#ifndef QCOW2_FORMAT_GEOMETRY_H
#define QCOW2_FORMAT_GEOMETRY_H

#include "base/bits.h"
#include "format/disk.h"

struct geometry {
    uint32_t cluster_bits;
    uint64_t cluster_size; /* bytes */
    uint32_t l2_bits;      /* log2 of the entries of an L2 table */
    uint64_t l2_entries;
    uint32_t refcount_order;      /* log2 of a refcount's width in bits */
    uint32_t refcount_block_bits; /* log2 of the entries of a refcount block */
    uint64_t refcount_max;        /* the largest value a refcount can hold */
};

static inline struct geometry geometry_of(uint32_t cluster_bits, uint32_t refcount_order)
{
    struct geometry g = { .cluster_bits = cluster_bits, .refcount_order = refcount_order };

    g.cluster_size = UINT64_C(1) << cluster_bits;
    g.l2_bits = cluster_bits - 3;
    g.l2_entries = UINT64_C(1) << g.l2_bits;
    g.refcount_block_bits = cluster_bits + 3 - refcount_order;
    g.refcount_max = refcount_order == 6 ? UINT64_MAX : (UINT64_C(1) << (1u << refcount_order)) - 1;
    return g;
}

static inline uint64_t geometry_l1_index(const struct geometry *g, uint64_t guest_offset)
{
    return guest_offset >> (g->cluster_bits + g->l2_bits);
}

static inline uint64_t geometry_l2_index(const struct geometry *g, uint64_t guest_offset)
{
    return (guest_offset >> g->cluster_bits) & (g->l2_entries - 1);
}

static inline uint64_t geometry_in_cluster(const struct geometry *g, uint64_t offset)
{
    return offset & (g->cluster_size - 1);
}

static inline uint64_t geometry_cluster_start(const struct geometry *g, uint64_t offset)
{
    return round_down(offset, g->cluster_size);
}

/* L1 entries that a disk of this size needs. */
static inline uint64_t geometry_l1_entries(const struct geometry *g, uint64_t size)
{
    return div_round_up(size, UINT64_C(1) << (g->cluster_bits + g->l2_bits));
}

#endif
