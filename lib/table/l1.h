/* SPDX-License-Identifier: BSD-3-Clause */
/* l1.h - L1 tables: writing one, putting one into force, taking one over in memory */

#ifndef QCOW2_TABLE_L1_H
#define QCOW2_TABLE_L1_H

#include "table/tables.h"

/* Write the entries at an offset, with COPIED as it is or, for a table that shares what it refers
 * to, cleared. */
enum l1_copied { L1_KEEP_COPIED, L1_CLEAR_COPIED };
int l1_write(struct tables *tables, const uint64_t *entries, uint32_t count,
             uint64_t l1_table_offset, enum l1_copied copied);

/* The active L1 table as it is in memory, to its place. */
int l1_write_active_locked(struct tables *tables);

/* Does the L1 table in memory name L2 tables that it has named before, more often than the file has
 * room for clusters?  No program writes such, and walking the disk would take time without bounds:
 * EINVAL. */
int l1_check_room(struct tables *tables);

/* The same for places of L2 tables that were taken from an L1 table, below the end of the file of
 * this length.  They are sorted. */
int l1_check_places(struct store *store, uint64_t length, uint64_t cluster_size,
                    uint64_t l1_table_offset, uint64_t *places, uint64_t count);

/* Put a size of the disk and an L1 table, both durable, into force by one durable write of the
 * header. When it fails nobody knows what is in force, and the tables fail. */
int l1_switch(struct tables *tables, uint64_t size, uint64_t l1_table_offset, uint32_t l1_size);

/* The tables in memory are now those of this L1 table, which they take over. */
int l1_adopt_locked(struct tables *tables, uint64_t *entries, uint64_t l1_table_offset,
                    uint32_t l1_size);

#endif
