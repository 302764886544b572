/* SPDX-License-Identifier: BSD-3-Clause */
/* l2.h - L2 tables: looking entries up, making a table writable, changing entries */

#ifndef QCOW2_TABLE_L2_H
#define QCOW2_TABLE_L2_H

#include "format/l2_entry.h"
#include "table/tables.h"

enum l2_result {
    L2_ERROR = -1,
    L2_ABSENT, /* no L2 table: the whole range of its L1 entry is unallocated */
    L2_FOUND,
    L2_NOT_LOADED, /* ask again with the lock held exclusively and load set */
};

/* Entries in one slice, starting with that of a guest offset. */
struct l2_run {
    uint8_t *entries; /* as on disk; NULL unless L2_FOUND */
    uint64_t offset;  /* of entries, in the store */
    uint64_t count;   /* clusters the answer, or failure, speaks for: entries in the slice, or of
                         the table */
    uint64_t zeroes;  /* entries that are known to be 0, when the slice was loaded just now: beyond
                         it, too */
    bool exclusive;   /* the table has COPIED set: entries may be changed in place */
    bool changed;     /* by l2_run_set_locked */
};

/* guest_offset lies below the end of what the L1 table maps.  Lock held shared (exclusively if load
 * is set). */
enum l2_result l2_find(struct tables *tables, uint64_t guest_offset, bool load, struct l2_run *run);

static inline struct l2_entry l2_run_entry(const struct tables *tables, const struct l2_run *run,
                                           uint64_t index)
{
    return l2_entry_load(&tables->geometry, run->entries + index * tables->geometry.l2_entry_size);
}

/* Change an entry of a run of a writable table; nothing was loaded since the run was found. */
void l2_run_set_locked(struct tables *tables, struct l2_run *run, uint64_t index,
                       struct l2_entry entry);

/* Make sure that the table of this guest offset exists and belongs to the active L1 table alone. */
int l2_make_writable_locked(struct tables *tables, uint64_t guest_offset);

/* The place of the L2 table in a valid L1 entry; 0: none.  -1 with the error set (and the image
 * marked) if the entry is impossible. */
int l2_table_offset(struct tables *tables, uint64_t l1_entry, uint64_t l1_index,
                    uint64_t *l2_offset);

/* Does a table of which nothing is in memory lie in a hole of the file?  All its entries are 0
 * then. */
bool l2_table_is_hole(struct tables *tables, uint64_t l2_offset);

#endif
