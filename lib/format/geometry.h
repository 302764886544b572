/* SPDX-License-Identifier: BSD-3-Clause */
/* geometry.h - guest offset to table indices, host offset to refcount indices
 *
 *   guest offset g:  l1_index = g / (cluster_size * l2_entries)
 *                    l2_index = (g / cluster_size) % l2_entries
 *                    subcluster = (g % cluster_size) / subcluster_size
 *   host offset h:   refcount table index = h / cluster_size / refcount_block_entries
 *                    refcount block index = (h / cluster_size) % refcount_block_entries
 */

#ifndef QCOW2_FORMAT_GEOMETRY_H
#define QCOW2_FORMAT_GEOMETRY_H

#include <stdbool.h>

#include "base/bits.h"
#include "format/disk.h"

struct geometry {
    uint32_t cluster_bits;
    uint64_t cluster_size;  /* bytes */
    uint32_t l2_entry_size; /* bytes: 16 if entries are extended, else 8 */
    uint32_t l2_bits;       /* log2 of the entries of an L2 table */
    uint64_t l2_entries;
    uint32_t subclusters; /* of a cluster: 32 if entries are extended, else 1, the cluster itself */
    uint32_t subcluster_bits;
    uint64_t subcluster_size;     /* bytes */
    uint32_t refcount_order;      /* log2 of a refcount's width in bits */
    uint32_t refcount_block_bits; /* log2 of the entries of a refcount block */
    uint64_t refcount_max;        /* the largest value a refcount can hold */
    bool external_data;           /* guest clusters lie in a data file, each at its guest offset */
};

static inline void geometry_set_refcount_order(struct geometry *g, uint32_t refcount_order)
{
    g->refcount_order = refcount_order;
    g->refcount_block_bits = g->cluster_bits + 3 - refcount_order;
    g->refcount_max =
        refcount_order == 6 ? UINT64_MAX : (UINT64_C(1) << (1u << refcount_order)) - 1;
}

static inline struct geometry geometry_of(uint32_t cluster_bits, uint32_t refcount_order,
                                          bool extended_l2)
{
    struct geometry g = { .cluster_bits = cluster_bits };

    g.cluster_size = UINT64_C(1) << cluster_bits;
    g.l2_entry_size = extended_l2 ? EXTENDED_L2_ENTRY_SIZE : L2_ENTRY_SIZE;
    g.l2_entries = g.cluster_size / g.l2_entry_size;
    g.l2_bits = cluster_bits - (extended_l2 ? 4 : 3);
    g.subclusters = extended_l2 ? EXTENDED_L2_SUBCLUSTERS : 1;
    g.subcluster_bits = cluster_bits - (extended_l2 ? 5 : 0);
    g.subcluster_size = UINT64_C(1) << g.subcluster_bits;
    geometry_set_refcount_order(&g, refcount_order);
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

/* The subcluster, counted from the start of its cluster. */
static inline uint32_t geometry_subcluster(const struct geometry *g, uint64_t guest_offset)
{
    return (uint32_t)(geometry_in_cluster(g, guest_offset) >> g->subcluster_bits);
}

/* Bytes of the guest that one L2 table maps. */
static inline uint64_t geometry_l2_span(const struct geometry *g)
{
    return g->cluster_size << g->l2_bits;
}

/* L1 entries that a disk of this size needs. */
static inline uint64_t geometry_l1_entries(const struct geometry *g, uint64_t size)
{
    return div_round_up(size, UINT64_C(1) << (g->cluster_bits + g->l2_bits));
}

#endif
