/* SPDX-License-Identifier: BSD-3-Clause */
/* quarantine.h - host clusters on their way from "lost a reference" to "may be used again"
 *
 *   waiting    the reference is gone in memory only
 *   flushing   the flush that makes its removal durable is under way
 *   durable    the removal is durable, but a request that began earlier may still read or write
 *              through the old reference
 *   released   the refcount is lowered in memory; the cluster, if its count is 0, is free
 *
 * "A request may still use it" is told by epochs.  A request counts itself in the epoch in which it
 * begins.  The epoch advances only when no request of the one before is left, so that what became
 * durable in epoch e is out of everybody's reach in epoch e + 2.
 *
 * Locking: quarantine_enter and quarantine_leave need no lock; everything else needs the tables'
 * lock held exclusively.
 */

#ifndef QCOW2_TABLE_QUARANTINE_H
#define QCOW2_TABLE_QUARANTINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On whose account; bits of the set for which the host gets the space back. */
enum freed_by {
    FREED_BY_REQUEST = 1 << 0,   /* the guest discarded it */
    FREED_BY_SNAPSHOT = 1 << 1,  /* a snapshot was deleted or replaced the active state */
    FREED_OTHERWISE = 1 << 2,    /* by copying on write, moving tables ... */
    FREED_BY_SHRINKING = 1 << 3, /* of the disk, or of tables: always one of the set */
};

/* A run of clusters, each of which lost one reference. */
struct dropped_range {
    uint64_t offset;
    uint64_t count; /* bytes */
    enum freed_by by;
    uint64_t epoch; /* in which it became durable */
};

struct dropped_list {
    struct dropped_range *items;
    size_t count;
    size_t capacity;
};

struct quarantine {
    struct dropped_list waiting;
    struct dropped_list flushing;
    struct dropped_list durable;
    _Atomic uint64_t epoch;
    _Atomic uint64_t requests[2]; /* under way, by the parity of their epoch */
};

void quarantine_destroy(struct quarantine *quarantine);

/* A guest request begins; returns the ticket for quarantine_leave. */
uint64_t quarantine_enter(struct quarantine *quarantine);
void quarantine_leave(struct quarantine *quarantine, uint64_t ticket);

/* The clusters of [offset, offset + count) lost one reference each. */
int quarantine_add(struct quarantine *quarantine, uint64_t offset, uint64_t count,
                   enum freed_by by);
/* waiting -> flushing. */
int quarantine_flush_begin(struct quarantine *quarantine);
/* flushing -> durable. */
int quarantine_flush_end(struct quarantine *quarantine);
/* Take out what is released by now, in the order in which it was added. */
int quarantine_take(struct quarantine *quarantine, struct dropped_list *released);

void dropped_list_destroy(struct dropped_list *list);

#endif
