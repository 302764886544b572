/* SPDX-License-Identifier: BSD-3-Clause */
/* data_file.h - guest clusters in an external data file
 *
 * Inside an image a guest cluster may lie in any host cluster: the L2 entry says in which, a
 * refcount says who shares it.  In an external data file each cluster lies at its own guest offset.
 * What follows from that:
 *
 *   place      An entry that gives another offset is damaged.  The first cluster's offset is 0, so
 *              that only COPIED tells whether it is in use (format/l2_entry.h).
 *   sharing    There is none: no refcounts, no copies, no quarantine, no snapshots, no compressed
 *              clusters.  Every cluster is the guest's already and is only put into use.
 *   space      A hole may be punched at once, before the L2 entry is durable: what the old entry
 *              then shows are the zeroes that the new one will show.  For the same reason it has to
 *              be a hole that reads as zeroes, not merely discarded.
 *   length     The file ends where the disk ends, not at the end of a cluster.  An entry that says
 *              there are data beyond the end of the file is damaged: they are lost.
 *   raw        Where the image promises that the data file alone is the disk, this holds at every
 *              power cut: zeroes reach the file even where the tables say zero, and what the tables
 *              call zero is written only after they call it data.
 */

#ifndef QCOW2_GUEST_DATA_FILE_H
#define QCOW2_GUEST_DATA_FILE_H

#include "format/l2_entry.h"
#include "guest/guest.h"

static inline bool data_file_is_raw(const struct tables *tables)
{
    return tables_has_data_file(tables) &&
           tables->header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE;
}

/* What is wrong with the entry of a guest cluster, as far as it speaks of a data file; NULL:
 * nothing. Returns -1 if that cannot be told.  Lock held at least shared. */
int data_file_find_flaw(struct guest *guest, uint64_t guest_offset, const struct l2_entry *entry,
                        const char **flaw);

/* A range, whose clusters are reserved, is about to read as zeroes: have the data file do so, too,
 * as far as that is promised or gives space back.  No lock held.  Without a data file nothing
 * happens. */
int data_file_clear(struct guest *guest, uint64_t start, uint64_t end, bool may_unmap);

/* Where the part of the disk ends that a write to clusters up to end fills. */
static inline uint64_t data_file_clip(const struct guest *guest, uint64_t end)
{
    return tables_has_data_file(guest->tables) ? min_u64(end, guest->disk.size) : end;
}

#endif
