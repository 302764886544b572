/* SPDX-License-Identifier: BSD-3-Clause */
/* zero.c - write zeroes and discard: changes of L2 entries, cluster by cluster
 *
 *   entry was              write zeroes            with may-unmap     discard
 *   unallocated            zero                    zero               zero if there is a backing file
 *   zero, plain            -                       -                  -
 *   zero, allocated        -                       zero, plain        zero, plain
 *   normal                 zero, allocated         zero, plain        zero, plain
 *   compressed             zero, plain             zero, plain        zero, plain
 *
 * Version 2 has no zero flag: without a backing file "unallocated" takes its place, with one zeroes
 * are written as data and a discard does nothing.
 *
 * Parts of clusters: a discard leaves them alone; write zeroes turns the cluster into a zero cluster
 * if metadata tell that the rest of it reads as zeroes, else it writes zeroes as data.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/l2_entry.h"
#include "guest/guest.h"
#include "table/flush.h"
#include "table/l2.h"

#define ZERO_PIECE (UINT64_C(1) << 20) /* bytes of zeroes written at once */

enum change {
    CHANGE_ZERO,       /* keep the space */
    CHANGE_ZERO_UNMAP, /* give the space back */
    CHANGE_DISCARD,
};

static bool has_backing(const struct guest *g)
{
    return g->disk.backing != NULL || g->disk.backing_missing;
}

/* What becomes of an entry. */
static uint64_t changed_entry(const struct guest *g, uint64_t old, enum change change)
{
    enum cluster_type type = l2_entry_type(old);
    bool allocated = type != CLUSTER_UNALLOCATED && type != CLUSTER_ZERO_PLAIN;

    if (g->tables->header.version < 3)
        return 0;
    if (type == CLUSTER_ZERO_PLAIN)
        return old;
    if (change == CHANGE_DISCARD)
        return allocated || has_backing(g) ? L2_ZERO : 0;
    if (change == CHANGE_ZERO && type != CLUSTER_COMPRESSED)
        return old | L2_ZERO;
    return L2_ZERO;
}

/* Does the entry lose its host clusters by the change? */
static bool loses_host(uint64_t old, uint64_t new)
{
    return old & L2_COMPRESSED || l2_entry_host_offset(old) != l2_entry_host_offset(new);
}

static int change_run_locked(struct guest *g, uint64_t *at, uint64_t end, enum change change)
{
    uint64_t size = g->tables->geometry.cluster_size;
    struct l2_run run;

    if (l2_find(g->tables, *at, true, &run) != L2_FOUND)
        return -1;
    for (uint64_t i = 0; i < run.count && *at < end; i++, *at += size) {
        uint64_t old = l2_run_entry(&run, i);
        uint64_t new = changed_entry(g, old, change);

        if (new == old)
            continue;
        if (loses_host(old, new) && guest_drop_entry(g, old) == -1)
            return -1;
        store_be64(run.entries + i * L2_ENTRY_SIZE, new);
        cache_mark_dirty(
            &g->tables->l2_cache,
            (g->tables->l1[geometry_l1_index(&g->tables->geometry, *at)] & L1_OFFSET_MASK) +
                geometry_l2_index(&g->tables->geometry, *at) * L2_ENTRY_SIZE);
    }
    return 0;
}

/* Would a change leave every entry of the table as it is, because there is no table? */
static bool nothing_to_change(const struct guest *g, uint64_t at, enum change change)
{
    uint64_t l1_entry = g->tables->l1[geometry_l1_index(&g->tables->geometry, at)];

    return (l1_entry & L1_OFFSET_MASK) == 0 && changed_entry(g, 0, change) == 0;
}

/* Whole clusters of one L2 table, reserved. */
static int change_table(struct guest *g, uint64_t start, uint64_t end, enum change change)
{
    WRITE_SCOPE(&g->tables->lock);

    if (nothing_to_change(g, start, change))
        return 0;
    if (l2_make_writable_locked(g->tables, start) == -1)
        return -1;
    for (uint64_t at = start; at < end;)
        if (change_run_locked(g, &at, end, change) == -1)
            return -1;
    return 0;
}

/* Whole clusters. */
static int change_clusters(struct guest *g, uint64_t start, uint64_t end, enum change change)
{
    uint64_t l2_span = g->tables->geometry.cluster_size << g->tables->geometry.l2_bits;

    while (start < end) {
        uint64_t stop = min_u64(round_down(start, l2_span) + l2_span, end);
        struct reservation reservation;
        int r;

        if (tables_relieve(g->tables) == -1)
            return -1;
        inflight_reserve(&g->inflight, &reservation, start, stop);
        r = change_table(g, start, stop, change);
        inflight_release(&g->inflight, &reservation);
        if (r == -1)
            return -1;
        start = stop;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Parts of clusters
 */

/* A cluster of which the guest zeroes a part can become a zero cluster as a whole if the rest reads as
 * zeroes, too.  1: it has, 0: it cannot, -1 error. */
static int zero_cluster_if_zero(struct guest *g, uint64_t cluster, enum change change)
{
    uint64_t size = g->tables->geometry.cluster_size;
    struct reservation reservation;
    int r;

    inflight_reserve(&g->inflight, &reservation, cluster, cluster + size);
    r = guest_reads_zero(g, size, cluster);
    if (r == 1 && change_table(g, cluster, cluster + size, change) == -1)
        r = -1;
    inflight_release(&g->inflight, &reservation);
    return r;
}

static int zero_data(struct guest *g, uint64_t count, uint64_t offset, uint32_t flags)
{
    size_t piece = min_u64(count, ZERO_PIECE);
    CLEANUP_FREE uint8_t *zeroes = NULL;

    if (flags & DISK_FAST_ZERO)
        return error_set(ENOTSUP, "Zeroing a part of a cluster is no faster than writing it");
    zeroes = calloc(1, piece);
    if (zeroes == NULL)
        return error_no_memory(), -1;
    while (count > 0) {
        size_t now = min_u64(count, piece);

        if (guest_write(g, zeroes, now, offset) == -1)
            return -1;
        offset += now;
        count -= now;
    }
    return 0;
}

/* Version 2 has no zero flag; what holds nothing needs none. */
static int holds_nothing(struct guest *g, uint64_t offset)
{
    struct plan plan;

    if (guest_plan(g, 1, offset, &plan, false) == -1)
        return -1;
    return plan.extents[0].kind == EXTENT_UNALLOCATED;
}

static int zero_part(struct guest *g, uint64_t count, uint64_t offset, uint32_t flags,
                     enum change change)
{
    uint64_t cluster = geometry_cluster_start(&g->tables->geometry, offset);
    int r = g->tables->header.version >= 3 ? zero_cluster_if_zero(g, cluster, change)
                                           : holds_nothing(g, offset);

    return r != 0 ? (r == 1 ? 0 : -1) : zero_data(g, count, offset, flags);
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

/* The end of a range, where the disk's own end counts as the end of a cluster. */
static uint64_t cluster_end(const struct guest *g, uint64_t end)
{
    return end == g->disk.size ? round_up(end, g->tables->geometry.cluster_size) : end;
}

int guest_zero(struct guest *g, uint64_t count, uint64_t offset, uint32_t flags)
{
    uint64_t size = g->tables->geometry.cluster_size;
    enum change change = flags & DISK_MAY_UNMAP ? CHANGE_ZERO_UNMAP : CHANGE_ZERO;
    uint64_t end = offset + count;
    uint64_t first = round_up(offset, size);
    uint64_t last = round_down(cluster_end(g, end), size);

    if (g->tables->header.version < 3 && has_backing(g))
        return zero_data(g, count, offset, flags);
    if (first > last) /* inside one cluster */
        return zero_part(g, count, offset, flags, change);
    if (offset < first && zero_part(g, first - offset, offset, flags, change) == -1)
        return -1;
    if (change_clusters(g, first, last, change) == -1)
        return -1;
    return end > last ? zero_part(g, end - last, last, flags, change) : 0;
}

int guest_discard(struct guest *g, uint64_t count, uint64_t offset)
{
    uint64_t size = g->tables->geometry.cluster_size;
    uint64_t first = round_up(offset, size);
    uint64_t last = round_down(cluster_end(g, offset + count), size);

    if (first >= last || (g->tables->header.version < 3 && has_backing(g)))
        return 0;
    return change_clusters(g, first, last, CHANGE_DISCARD);
}
