/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.h - L2 tables under check: what those who walk them again need */

#ifndef QCOW2_CHECK_TREE_H
#define QCOW2_CHECK_TREE_H

#include "check/checking.h"
#include "format/l2_entry.h"

/* One entry of an L2 table under check. */
struct l2_item {
    struct l2_table *table;
    uint64_t index;
    struct l2_entry entry;
    uint64_t *expected; /* where the next cluster would not be a fragment; 0: anywhere */
};

static inline bool tree_has_data_file(const struct checking *c)
{
    return c->header->incompatible_features & INCOMPATIBLE_DATA_FILE;
}

/* Does a standard entry have a host cluster?  The first one of a data file looks like none. */
bool tree_has_host_cluster(const struct checking *c, struct l2_entry entry);

/* Read a table into buf, of one cluster.  Returns 0 when it is all zero, 1 when it is not. */
int tree_read_l2_table(struct checking *c, const struct l2_table *table, uint8_t *buf);

/* A cluster that reads as zeroes and keeps a place which no cluster can have: it loses nothing when
 * it gives the place up. */
bool tree_is_misplaced(const struct checking *c, struct l2_entry entry);

/* Count what an entry refers to. */
int tree_count_l2_entry(struct checking *c, const struct l2_item *item);

/* Does COPIED say something else than the refcount? */
static inline bool copied_contradicts(uint64_t word, uint64_t refcount)
{
    return (refcount == 1) != ((word & ENTRY_COPIED) != 0);
}

/* Does the COPIED flag of an L2 entry contradict the refcount of its cluster?  Not when nobody
 * knows the refcount. */
bool tree_copied_is_wrong(const struct checking *c, struct l2_entry entry, uint64_t *refcount);

#endif
