/* SPDX-License-Identifier: BSD-3-Clause */
/* l2_entry.h - what an L2 entry says (specification: "L2 table entry", "Extended L2 entries")
 *
 * An entry maps a guest cluster.  In extended entries a bitmap after the descriptor tells for each
 * of the cluster's 32 subclusters where its content is.  A standard entry has no bitmap; in memory
 * it is given one, which tells the same of the cluster as its only subcluster, in place of the zero
 * flag:
 *
 *   host cluster  allocated  zero    the subcluster
 *   no            0          0       is unallocated: ask the backing image
 *   no            0          1       reads as zeroes
 *   yes           0          0       is unallocated, the place for it is there (only if extended)
 *   yes           0          1       reads as zeroes, the place for it is there
 *   yes           1          0       is in the host cluster
 *
 * Everything else is invalid, and one invalid subcluster makes the entry so.  Compressed clusters
 * have no subclusters.
 */

#ifndef QCOW2_FORMAT_L2_ENTRY_H
#define QCOW2_FORMAT_L2_ENTRY_H

#include <stdbool.h>

#include "format/geometry.h"

struct l2_entry {
    uint64_t descriptor; /* without the zero flag of a standard entry */
    uint64_t bitmap;     /* bit x: subcluster x is allocated; bit 32 + x: it reads as zeroes */
    bool placed;         /* there is a host cluster; of a data file it may be the one at offset 0 */
};

enum subcluster_type {
    SUBCLUSTER_UNALLOCATED, /* ask the backing image */
    SUBCLUSTER_ZERO,
    SUBCLUSTER_NORMAL,
    SUBCLUSTER_COMPRESSED, /* the whole cluster */
    SUBCLUSTER_INVALID,
};

/* ------------------------------------------------------------------------------------------------
 * As it lies on disk
 */

/* The first cluster of a data file has offset 0, so that only COPIED tells that it is in use. */
static inline bool l2_entry_is_first(const struct geometry *g, uint64_t descriptor)
{
    bool zero = g->l2_entry_size == L2_ENTRY_SIZE && descriptor & L2_ZERO;

    return g->external_data && descriptor & ENTRY_COPIED && !zero;
}

static inline struct l2_entry l2_entry_load(const struct geometry *g, const uint8_t *from)
{
    struct l2_entry e = { .descriptor = load_be64(from) };

    if (!(e.descriptor & L2_COMPRESSED))
        e.placed = e.descriptor & L2_OFFSET_MASK || l2_entry_is_first(g, e.descriptor);
    if (g->l2_entry_size == EXTENDED_L2_ENTRY_SIZE) {
        e.bitmap = load_be64(from + EXTENDED_L2_BITMAP_AT);
    } else if (!(e.descriptor & L2_COMPRESSED)) {
        bool zero = e.descriptor & L2_ZERO;

        e.bitmap = zero ? UINT64_C(1) << 32 : e.placed;
        e.descriptor &= ~L2_ZERO;
    }
    return e;
}

/* The first word on disk. */
static inline uint64_t l2_entry_word(const struct geometry *g, struct l2_entry e)
{
    bool zero = g->l2_entry_size == L2_ENTRY_SIZE && e.bitmap & L2_BITMAP_ZERO;

    return e.descriptor | (zero ? L2_ZERO : 0);
}

static inline void l2_entry_store(const struct geometry *g, uint8_t *to, struct l2_entry e)
{
    store_be64(to, l2_entry_word(g, e));
    if (g->l2_entry_size == EXTENDED_L2_ENTRY_SIZE)
        store_be64(to + EXTENDED_L2_BITMAP_AT, e.bitmap);
}

static inline bool l2_entry_equal(struct l2_entry a, struct l2_entry b)
{
    return a.descriptor == b.descriptor && a.bitmap == b.bitmap;
}

/* ------------------------------------------------------------------------------------------------
 * The cluster
 */

static inline bool l2_entry_is_compressed(struct l2_entry e)
{
    return e.descriptor & L2_COMPRESSED;
}

/* The host cluster; 0 also if there is none, or not a whole one. */
static inline uint64_t l2_entry_host_offset(struct l2_entry e)
{
    return l2_entry_is_compressed(e) ? 0 : e.descriptor & L2_OFFSET_MASK;
}

/* Does the entry refer to host bytes? */
static inline bool l2_entry_is_allocated(struct l2_entry e)
{
    return l2_entry_is_compressed(e) || e.placed;
}

/* Can the bitmap be true?  That of a compressed cluster does not matter. */
static inline bool l2_entry_is_valid(struct l2_entry e)
{
    if (l2_entry_is_compressed(e))
        return true;
    if (!e.placed)
        return (e.bitmap & L2_BITMAP_ALLOCATED) == 0;
    return (e.bitmap >> 32 & e.bitmap) == 0;
}

/* Compressed descriptor: bits 0 to x-1 are a byte offset, the bits above it up to 61 the number of
 * further 512-byte sectors, where x = 62 - (cluster_bits - 8). */
static inline uint64_t l2_entry_compressed_offset(const struct geometry *g, struct l2_entry e)
{
    return e.descriptor & ((UINT64_C(1) << (70 - g->cluster_bits)) - 1);
}

static inline uint64_t l2_entry_compressed_length(const struct geometry *g, struct l2_entry e)
{
    uint32_t x = 70 - g->cluster_bits;
    uint64_t sectors = (e.descriptor & (L2_COMPRESSED - 1)) >> x;
    uint64_t offset = l2_entry_compressed_offset(g, e);

    return (sectors + 1) * COMPRESSED_SECTOR - offset % COMPRESSED_SECTOR;
}

/* ------------------------------------------------------------------------------------------------
 * Its subclusters
 */

static inline enum subcluster_type l2_entry_type(struct l2_entry e, uint32_t subcluster)
{
    if (l2_entry_is_compressed(e))
        return SUBCLUSTER_COMPRESSED;
    if (!l2_entry_is_valid(e))
        return SUBCLUSTER_INVALID;
    if (e.bitmap >> 32 >> subcluster & 1)
        return SUBCLUSTER_ZERO;
    return e.bitmap >> subcluster & 1 ? SUBCLUSTER_NORMAL : SUBCLUSTER_UNALLOCATED;
}

/* Where the run of subclusters of one type ends that begins with this one. */
static inline uint32_t l2_entry_run_end(const struct geometry *g, struct l2_entry e,
                                        uint32_t subcluster)
{
    uint64_t changes, end = UINT64_C(1) << g->subclusters;

    if (l2_entry_is_compressed(e))
        return g->subclusters;
    changes = (e.bitmap ^ e.bitmap >> 1) | (e.bitmap ^ e.bitmap >> 1) >> 32;
    /* bit x: x + 1 is of another type than x */
    return (uint32_t)__builtin_ctzll((changes >> subcluster << subcluster) << 1 | end);
}

/* Subclusters first to end - 1, as bits of allocation. */
static inline uint64_t l2_bitmap_range(uint32_t first, uint32_t end)
{
    return (UINT64_C(1) << end) - (UINT64_C(1) << first);
}

/* They are in the host cluster now. */
static inline struct l2_entry l2_entry_with_data(struct l2_entry e, uint32_t first, uint32_t end)
{
    uint64_t range = l2_bitmap_range(first, end);

    e.bitmap = (e.bitmap | range) & ~(range << 32);
    return e;
}

/* They read as zeroes now. */
static inline struct l2_entry l2_entry_with_zeroes(struct l2_entry e, uint32_t first, uint32_t end)
{
    uint64_t range = l2_bitmap_range(first, end);

    e.bitmap = (e.bitmap | range << 32) & ~range;
    return e;
}

#endif
