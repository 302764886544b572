/* SPDX-License-Identifier: BSD-3-Clause */
/* repair.h - changing the image under check, so that the next check finds nothing
 *
 * In this order, each step after a barrier behind the one before:
 *
 *   1  unknown autoclear bits are cleared, before anything else is written
 *   2  what must go loses its references: zero clusters with impossible places become plain zeroes,
 *      what lies beyond the end of the file is told and dropped (drop.c), as are snapshots that
 *      overhang the table
 *   3  refcounts: corrected in place, or the whole structure is written anew into free space and
 *      comes into use with one write of the header (rebuild.c); what the old one occupied is then a
 *      leak, and corrected as one
 *   4  COPIED flags of the active tables (copied.c)
 *   5  the snapshot table, if entries must change: written anew, switched to (snapshots.c)
 *   6  the dirty and corrupt bits are cleared
 *
 * A cut at any instant harms nothing: every refcount and every flag on disk is the old one or the
 * true one, whatever arrived, and the next repair goes on from there.  The guest's data, those of
 * snapshots included, are never written, and what it reads stays, but for what the file has lost.
 * When something could not be understood nothing is changed at all.
 */

#ifndef QCOW2_CHECK_REPAIR_H
#define QCOW2_CHECK_REPAIR_H

#include "check/checking.h"
#include "format/l2_entry.h"

struct repair {
    struct header *header; /* of the image, brought up to date with what is written */
    bool errors;           /* errors, too, not leaks only */
    bool punches;          /* what becomes free is of no use to anybody */
    bool corrects_copied;  /* the refcounts are right by now */
    bool begun;            /* something was written */
};

static inline bool repair_fixes_errors(const struct checking *c)
{
    return c->repair && c->repair->errors;
}

int repair_write(struct checking *c, const void *buf, size_t count, uint64_t offset);
int repair_barrier(struct checking *c);
/* One write inside the header's first sector, durable, after all before it. */
int repair_header(struct checking *c, uint32_t at, const void *bytes, size_t count);

/* drop.c, step 2: does what the entry refers to go? */
bool repair_drops_entry(const struct checking *c, struct l2_entry entry);
bool repair_drops_l1_entry(const struct checking *c, uint64_t entry);
/* It goes; what must stay is counted and told. */
int repair_dropped(struct checking *c);
/* Step 2: the snapshots behind the last that the table has room for. */
int repair_overhanging_snapshots(struct checking *c);
/* rebuild.c, step 3: new refcount table and blocks.  1: they are there; 0: nothing was written,
 * because the only room for them is claimed. */
int repair_rebuild(struct checking *c);
/* snapshots.c, step 5. */
int repair_snapshot_table(struct checking *c);
/* Step 6. */
int repair_marks(struct checking *c);

#endif
