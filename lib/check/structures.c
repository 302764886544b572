/* SPDX-License-Identifier: BSD-3-Clause */
/* structures.c - references from the refcount table, and the refcount blocks themselves */

#include <inttypes.h>

#include "check/repair.h"

/* A block that nobody can trust cannot be corrected in place. */
static int bad_block(struct checking *c)
{
    c->rebuild = true;
    return 0;
}

static int count_block(struct checking *c, uint64_t index)
{
    uint64_t entry = c->stored.table[index];
    uint64_t offset = entry & REFCOUNT_TABLE_OFFSET_MASK;
    uint64_t cluster = offset >> c->geometry->cluster_bits;
    uint64_t others, all;

    if (entry & REFCOUNT_TABLE_RESERVED_MASK) {
        checking_corruption(c, 1, "ERROR refcount table entry %" PRIu64 " has reserved bits set",
                            index);
        return bad_block(c);
    }
    if (!is_aligned(offset, c->geometry->cluster_size)) {
        checking_corruption(c, 1,
                            "ERROR refcount block %" PRIu64
                            " is not cluster aligned; refcount table entry corrupted",
                            index);
        return bad_block(c);
    }
    if (cluster >= c->clusters) {
        checking_corruption(c, 1, "%s refcount block %" PRIu64 " is outside image",
                            repair_fixes_errors(c) ? "Repairing" : "ERROR", index);
        return bad_block(c);
    }
    if (offset == 0)
        return 0;
    others = references_get(&c->references, cluster);
    if (checking_refer(c, offset, c->geometry->cluster_size, 1) == -1)
        return -1;
    all = references_get(&c->references, cluster);
    if (all == 1) {
        /* of width 1, it may be shared all the same: a repair must not write into others' data */
        return others > 0 && c->repair ? bad_block(c) : 0;
    }
    checking_corruption(c, 1, "ERROR refcount block %" PRIu64 " refcount=%" PRIu64, index, all);
    return bad_block(c);
}

int checking_count_refcount_structures(struct checking *c)
{
    uint64_t bytes = (uint64_t)c->header->refcount_table_clusters << c->geometry->cluster_bits;

    if (checking_refer(c, c->header->refcount_table_offset, bytes, 1) == -1)
        return -1;
    for (uint64_t i = 0; i < c->stored.table_entries; i++)
        if (c->stored.table[i] != 0 && count_block(c, i) == -1)
            return -1;
    return 0;
}
