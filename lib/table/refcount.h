/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount.h - refcounts of host clusters, and finding free ones
 *
 * The order in which clusters are handed out is QEMU's, so that the same sequence of operations
 * gives the same layout: a cursor that only advances, and falls back when a lower cluster becomes
 * free.
 *
 * All functions need the tables' lock held exclusively.
 */

#ifndef QCOW2_TABLE_REFCOUNT_H
#define QCOW2_TABLE_REFCOUNT_H

#include "format/refcount_block.h"
#include "table/tables.h"

int refcount_get(struct tables *tables, uint64_t host_offset, uint64_t *count);

/* The counts of clusters next to each other: those from one on, as far as they lie together in
 * memory. */
struct refcount_run {
    uint64_t first;        /* the cluster that was asked for */
    uint64_t count;        /* of clusters, never 0 */
    const uint8_t *counts; /* for refcount_block_get, from index on; NULL: all are 0 */
    uint64_t index;
};

/* Good until the next call that touches refcounts. */
int refcount_run(struct tables *tables, uint64_t host_cluster, struct refcount_run *run);

/* The count of a cluster of the run. */
static inline uint64_t refcount_run_get(const struct geometry *g, const struct refcount_run *run,
                                        uint64_t host_cluster)
{
    if (run->counts == NULL)
        return 0;
    return refcount_block_get(run->counts, g->refcount_order,
                              run->index + (host_cluster - run->first));
}

/* Can every cluster that the range touches take one more reference?  EINVAL when a count would pass
 * the largest value that the image's width can hold. */
int refcount_check_raise(struct tables *tables, uint64_t host_offset, uint64_t count);
/* One reference more for every cluster that the range touches. */
int refcount_raise(struct tables *tables, uint64_t host_offset, uint64_t count);

/* One reference less for every cluster of the range, as soon as that is safe (rules R5 and R6). */
int refcount_drop(struct tables *tables, uint64_t host_offset, uint64_t count, enum freed_by by);

/* One reference less at once, for every cluster that the range touches: of what the quarantine
 * releases (flush.c), and of what was allocated and nothing ever referred to. */
int refcount_lower(struct tables *tables, uint64_t host_offset, uint64_t count);

/* The same for what was allocated in vain, because of an error, which stays this thread's. */
void refcount_abandon(struct tables *tables, uint64_t host_offset, uint64_t count);

/* The first place in the file with so many free clusters next to each other. */
int refcount_find_free(struct tables *tables, uint64_t clusters, uint64_t *host_offset);

/* Clusters next to each other with a refcount of 1.  never_written says that they lie behind
 * everything ever written, so that they read as zeroes. */
int refcount_allocate(struct tables *tables, uint64_t clusters, uint64_t *host_offset,
                      bool *never_written);

/* Room for a compressed stream of at most a cluster, behind the last one where it fits, with one
 * reference more for each cluster that it touches. */
int refcount_allocate_bytes(struct tables *tables, uint64_t size, uint64_t *host_offset);

#endif
