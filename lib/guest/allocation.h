/* SPDX-License-Identifier: BSD-3-Clause */
/* allocation.h - host clusters for guest clusters: found before, published after what is written
 * there
 *
 * The steps of an allocating request are those that write.c describes; here are the two that change
 * tables.  They take the tables' lock themselves; the caller has reserved the guest clusters.
 */

#ifndef QCOW2_GUEST_ALLOCATION_H
#define QCOW2_GUEST_ALLOCATION_H

#include "guest/guest.h"

/* Host clusters for a run of guest clusters. */
struct allocation {
    uint64_t guest_offset; /* cluster aligned */
    uint64_t host_offset;
    uint64_t bytes;     /* whole clusters; 0: the first cluster may be written in place by now */
    uint64_t start;     /* from here */
    uint64_t end;       /* to here (guest offsets) the clusters will have content */
    bool kept;          /* the clusters were the guest's already, as all in a data file are */
    bool never_written; /* the host clusters read as zeroes */
    bool reads_zero;    /* publish them as zero clusters that keep their space */
};

/* Host clusters for the first part of [offset, end), which lies in the range of one L2 table. */
int allocation_find(struct guest *guest, uint64_t offset, uint64_t end, struct allocation *a);

/* The entries of the clusters say where they are, and what they referred to before is dropped. */
int allocation_publish(struct guest *guest, const struct allocation *a);

/* Nobody has seen the clusters: they are free at once.  Keeps the error that is set. */
void allocation_abandon(struct guest *guest, const struct allocation *a);

#endif
