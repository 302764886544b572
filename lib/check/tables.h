/* SPDX-License-Identifier: BSD-3-Clause */
/* tables.h - tables of 8-byte entries that many owners name: snapshots' L1 tables, bitmap tables
 *
 * Each owner refers to the clusters that its table touches, and to what the entries name.  The
 * tables may be the same or overlap: each entry is visited once, with the number of tables it is in.
 */

#ifndef QCOW2_CHECK_TABLES_H
#define QCOW2_CHECK_TABLES_H

#include "check/checking.h"
#include "check/sweep.h"

struct tables {
    struct checking *checking;
    struct sweep clusters; /* in which tables lie */
    struct sweep entries;
    source_word *visit;
};

/* Make room for a number of tables.  visit gets the checking as opaque. */
int tables_init(struct tables *t, struct checking *c, size_t count, source_word *visit);
int tables_add(struct tables *t, uint64_t offset, uint64_t bytes);

/* Count what all tables refer to. */
int tables_count(struct tables *t);
void tables_destroy(struct tables *t);

#endif
