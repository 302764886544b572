/* SPDX-License-Identifier: BSD-3-Clause */
/* expand_zeroes.h - trees without the clusters that only version 3 can describe
 *
 * All functions need a quiet image, settled (tables_settle), and take the lock themselves.
 */

#ifndef QCOW2_TABLE_EXPAND_ZEROES_H
#define QCOW2_TABLE_EXPAND_ZEROES_H

#include "table/tree.h"

struct expansion {
    const struct tree *tree;
    bool active;               /* the active tree: COPIED is kept */
    uint64_t size;             /* of the disk; what lies behind it in its last table is not seen */
    bool has_backing;          /* what is not allocated may read as something else than zeroes */
    int (*step)(void *opaque); /* called for each L1 entry; -1 with the error set ends it */
    void *opaque;
};

/* Make every zero cluster of the tree a cluster of zeroes, or an unallocated one where that reads
 * the same.  The guest's view stays as it is at every instant, also when this fails half way. */
int tree_expand_zeroes(struct tables *tables, const struct expansion *expansion);

/* 1: the tree refers to compressed clusters, 0: it does not, -1: error. */
int tree_has_compressed(struct tables *tables, const struct tree *tree);

#endif
