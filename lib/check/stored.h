/* SPDX-License-Identifier: BSD-3-Clause */
/* stored.h - the refcounts that the image stores: refcount table and refcount blocks
 *
 * The blocks of the clusters that the file has are read once, whole, and kept as they are on disk;
 * blocks in holes are not kept, and a block that several table entries name is kept once.  So are,
 * where they are only read, those next to each other that are the same.
 */

#ifndef QCOW2_CHECK_STORED_H
#define QCOW2_CHECK_STORED_H

#include <stdbool.h>

#include "check/lookup.h"
#include "check/source.h"
#include "format/header.h"
#include "format/refcount_block.h"

struct stored {
    struct source *source;
    const struct geometry *geometry;
    uint64_t *table; /* entries of the refcount table, as far as the file has them */
    uint64_t table_entries;
    uint8_t **blocks; /* of the first nb_blocks entries; NULL: all zero or bad */
    bool *changed;    /* these blocks differ from those on disk */
    bool *as_before;  /* these are the ones before them, kept once */
    bool only_read;   /* none will be changed */
    uint64_t nb_blocks;
    uint64_t block_bytes;    /* that are kept of each */
    uint64_t cached;         /* clusters that the blocks cover */
    struct lookup by_offset; /* block offset -> index of the entry that owns the buffer */
};

int stored_load(struct stored *s, struct source *source, const struct header *header,
                uint64_t clusters, bool only_read);
void stored_destroy(struct stored *s);

/* For a cluster whose block is not in memory. */
bool stored_get_absent(const struct stored *s, uint64_t cluster, uint64_t *refcount);

/* The stored refcount of a host cluster; false when its block cannot be read. */
static inline bool stored_get(const struct stored *s, uint64_t cluster, uint64_t *refcount)
{
    const struct geometry *g = s->geometry;
    const uint8_t *block =
        cluster < s->cached ? s->blocks[cluster >> g->refcount_block_bits] : NULL;

    if (block == NULL)
        return stored_get_absent(s, cluster, refcount);
    *refcount = refcount_block_get(block, g->refcount_order,
                                   cluster & ((UINT64_C(1) << g->refcount_block_bits) - 1));
    return true;
}

/* Change the refcount of a cluster, which is not 0, in memory; not of what is only read. */
void stored_set(struct stored *s, uint64_t cluster, uint64_t refcount);

/* Write the blocks that were changed.  -1 from the callback ends the walk. */
typedef int stored_writer(void *opaque, const uint8_t *block, uint64_t count, uint64_t offset);
int stored_write(struct stored *s, stored_writer *writer, void *opaque);

#endif
