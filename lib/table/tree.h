/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.h - whole L1 trees: what snapshots do to refcounts and COPIED flags
 *
 * All functions read each L2 table once, whole, from the store.  They need a quiet image: no
 * request under way, everything in memory settled (tables_settle), and they take the lock
 * themselves. */

#ifndef QCOW2_TABLE_TREE_H
#define QCOW2_TABLE_TREE_H

#include "table/tables.h"

/* An L1 table in memory, host byte order. */
struct tree {
    const uint64_t *l1;
    uint32_t l1_size;
};

/* Can every cluster of the tree take one more reference?  Changes nothing. */
int tree_check_raise(struct tables *tables, const struct tree *tree);
/* One reference more, or less, for every L2 table and every cluster they refer to.  When raising is
 * not possible, nothing has changed. */
int tree_raise(struct tables *tables, const struct tree *tree);
int tree_lower(struct tables *tables, const struct tree *tree, enum freed_by by);

/* Lower now what nobody refers to on disk any more, and punch holes if the image does that. */
int tree_release(struct tables *tables, uint64_t host_offset, uint64_t count);
/* Likewise, because something became smaller: the holes are punched in any case. */
int tree_give_back(struct tables *tables, uint64_t host_offset, uint64_t count);

/* Clear COPIED in the tree's L2 tables on disk. */
int tree_clear_copied(struct tables *tables, const struct tree *tree);

/* Clear COPIED in the active L1 table, on disk and in memory. */
int tree_clear_active_l1(struct tables *tables);
/* Make entries of the active L1 table 0, on disk and in memory; what they referred to keeps its
 * counts. */
int tree_cut_active(struct tables *tables, uint64_t first, uint64_t count);
/* Set COPIED in the active tables where the refcount is 1, and clear it elsewhere. */
int tree_update_copied(struct tables *tables);

#endif
