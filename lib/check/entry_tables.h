/* SPDX-License-Identifier: BSD-3-Clause */
/* entry_tables.h - tables of 8-byte entries that many owners name: snapshots' L1 tables, bitmap
 * tables
 *
 * Each owner refers to the clusters that its table touches, and to what the entries name.  The
 * tables may be the same or overlap: each entry is visited once, with the number of tables it is
 * in. */

#ifndef QCOW2_CHECK_ENTRY_TABLES_H
#define QCOW2_CHECK_ENTRY_TABLES_H

#include "check/checking.h"
#include "check/sweep.h"

struct entry_tables {
    struct checking *checking;
    struct sweep clusters; /* in which tables lie */
    struct sweep entries;
    source_word *visit;
};

/* Make room for a number of tables.  visit gets the checking as opaque. */
int entry_tables_init(struct entry_tables *t, struct checking *c, size_t count, source_word *visit);
int entry_tables_add(struct entry_tables *t, uint64_t offset, uint64_t bytes);

/* One that was counted before, and is only visited. */
void entry_tables_add_known(struct entry_tables *t, uint64_t offset, uint64_t bytes);

/* Count what all tables refer to. */
int entry_tables_count(struct entry_tables *t);
int entry_tables_visit(struct entry_tables *t);
void entry_tables_destroy(struct entry_tables *t);

#endif
