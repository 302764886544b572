/* SPDX-License-Identifier: BSD-3-Clause */
/* zero.c - write zeroes and discard: changes of L2 entries, cluster by cluster
 *
 * A whole cluster:
 *
 *   entry was              write zeroes            with may-unmap     discard
 *   unallocated            zero                    zero               zero above a backing file
 *   zero, plain            -                       -                  -
 *   zero, allocated        -                       zero, plain        zero, plain
 *   normal                 zero, allocated         zero, plain        zero, plain
 *   compressed             zero, plain             zero, plain        zero, plain
 *
 * Who opened the image may want clusters to stay where they are (discard-no-unref): then a discard,
 * and zeroes with may-unmap, of a cluster that nothing shares change it as write zeroes do.
 *
 * Version 2 has no zero flag: without a backing file "unallocated" takes its place, with one zeroes
 * are written as data and a discard does nothing.
 *
 * Parts of clusters: a discard leaves them alone.  Write zeroes marks whole subclusters in the
 * bitmap, where there are any; the cluster stays allocated.  Of a compressed cluster, and of a part
 * of a subcluster (a standard cluster is its own), it writes zeroes as data, unless metadata tell
 * that the rest of the subcluster reads as zeroes, too: then it marks it as a whole.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "guest/data_file.h"
#include "table/flush.h"
#include "table/l2.h"

#define ZERO_PIECE (UINT64_C(1) << 20) /* bytes of zeroes written at once */

enum change {
    CHANGE_ZERO,       /* keep the space */
    CHANGE_ZERO_UNMAP, /* give the space back */
    CHANGE_DISCARD,
    CHANGE_CUT, /* the disk is going to end before it */
};

static bool has_backing(const struct guest *g)
{
    return g->disk.backing != NULL || g->disk.backing_missing;
}

/* Does the entry, all of which changes, stay with its host cluster? */
static bool stays(const struct guest *g, struct l2_entry old, enum change change)
{
    if (l2_entry_is_compressed(old))
        return false;
    if (change == CHANGE_ZERO)
        return true;
    return change != CHANGE_CUT && g->tables->discard_keeps && old.descriptor & ENTRY_COPIED;
}

/* What becomes of an entry of which the subclusters first to end - 1 change. */
static struct l2_entry changed_entry(const struct guest *g, struct l2_entry old, enum change change,
                                     uint32_t first, uint32_t end)
{
    const struct l2_entry nothing = { 0 };

    if (g->tables->header.version < 3)
        return nothing;
    if (end - first < g->tables->geometry.subclusters)
        return l2_entry_with_zeroes(old, first, end);
    if (change == CHANGE_CUT && !has_backing(g))
        return nothing;
    if (change == CHANGE_DISCARD && !l2_entry_is_allocated(old) && !has_backing(g))
        return old;
    if (stays(g, old, change))
        return l2_entry_with_zeroes(old, first, end);
    return l2_entry_with_zeroes(nothing, first, end);
}

/* Does the entry lose its host clusters by the change? */
static bool loses_host(struct l2_entry old, struct l2_entry new)
{
    return l2_entry_is_compressed(old) || (old.placed && !new.placed);
}

enum { CHANGE_STOPPED = 0, CHANGE_GOES_ON = 1 };

/* The subclusters of one cluster, [start, end), whose entry is number i of the run. */
static int change_entry_locked(struct guest *g, struct l2_run *run, uint64_t i, uint64_t start,
                               uint64_t end, enum change change)
{
    struct tables *t = g->tables;
    uint32_t first_subcluster = geometry_subcluster(&t->geometry, start);
    uint32_t end_subcluster = geometry_subcluster(&t->geometry, end - 1) + 1;
    bool whole = end_subcluster - first_subcluster == t->geometry.subclusters;
    struct l2_entry old = l2_run_entry(t, run, i);
    struct l2_entry new = changed_entry(g, old, change, first_subcluster, end_subcluster);

    if (!whole && l2_entry_is_compressed(old))
        return CHANGE_STOPPED;
    if (!whole && guest_validate_entry(g, start, &old) == -1)
        return -1;
    if (l2_entry_equal(new, old))
        return CHANGE_GOES_ON;
    if (loses_host(old, new) &&
        guest_drop_entry(g, &old, change == CHANGE_CUT ? FREED_BY_SHRINKING : FREED_BY_REQUEST) ==
            -1)
        return -1;
    l2_run_set_locked(t, run, i, new);
    return CHANGE_GOES_ON;
}

static int change_run_locked(struct guest *g, uint64_t *at, uint64_t end, enum change change)
{
    const struct geometry *geometry = &g->tables->geometry;
    struct l2_run run;

    if (l2_find(g->tables, *at, true, &run) != L2_FOUND)
        return -1;
    for (uint64_t i = 0; i < run.count && *at < end; i++) {
        uint64_t next =
            min_u64(geometry_cluster_start(geometry, *at) + geometry->cluster_size, end);
        int r = change_entry_locked(g, &run, i, *at, next, change);

        if (r != CHANGE_GOES_ON)
            return r;
        *at = next;
    }
    return CHANGE_GOES_ON;
}

/* Would a change leave every entry of the table as it is, because there is no table? */
static bool nothing_to_change(const struct guest *g, uint64_t at, enum change change)
{
    uint64_t l1_entry = g->tables->l1[geometry_l1_index(&g->tables->geometry, at)];

    return (l1_entry & L1_OFFSET_MASK) == 0 &&
           (g->tables->header.version < 3 || (change >= CHANGE_DISCARD && !has_backing(g)));
}

/* Subclusters of one L2 table, reserved.  Stops at a compressed cluster of which only a part is to
 * change; *at tells. */
static int change_table(struct guest *g, uint64_t *at, uint64_t end, enum change change)
{
    int r = CHANGE_GOES_ON;
    WRITE_SCOPE(&g->tables->lock);

    if (nothing_to_change(g, *at, change)) {
        *at = end;
        return 0;
    }
    if (l2_make_writable_locked(g->tables, *at) == -1)
        return -1;
    while (*at < end && r == CHANGE_GOES_ON)
        r = change_run_locked(g, at, end, change);
    return r == -1 ? -1 : 0;
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

/* Where a change that begins at start really ends: the end of the disk is the end of its last
 * cluster, or of its last subcluster if the change begins inside that cluster. */
static uint64_t changing_end(const struct guest *g, uint64_t start, uint64_t end)
{
    const struct geometry *geometry = &g->tables->geometry;

    if (end < g->disk.size || end == start)
        return end;
    return geometry_cluster_start(geometry, end - 1) >= start
               ? round_up(end, geometry->cluster_size)
               : round_up(end, geometry->subcluster_size);
}

/* What stays with its host clusters need not take space there.  Until the entries are durable the
 * guest may be shown what is in them then: zeroes, which encrypted clusters cannot be made of. */
static int empty_kept(struct guest *g, uint64_t start, uint64_t end, enum change change)
{
    struct tables *t = g->tables;

    if (!t->discard_keeps || change == CHANGE_ZERO || change == CHANGE_CUT ||
        !(t->discard & FREED_BY_REQUEST) || tables_has_data_file(t) || t->encrypted)
        return 0;
    end = min_u64(end, g->disk.size);
    while (start < end) {
        struct plan plan;

        if (guest_plan(g, end - start, start, &plan, true) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            start += e->length;
            if (e->in_place &&
                t->store->ops->zero(t->store, e->length, e->host_offset, true) == -1 &&
                error_errno() != ENOTSUP)
                return -1;
        }
    }
    return 0;
}

/* Whole subclusters; zeroes as data where the metadata cannot tell them. */
static int change_range(struct guest *g, uint64_t start, uint64_t end, uint32_t flags,
                        enum change change)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t l2_span = geometry_l2_span(geometry);

    for (end = changing_end(g, start, end); start < end;) {
        uint64_t stop = min_u64(round_down(start, l2_span) + l2_span, end);
        struct reservation reservation;
        int r;

        if (tables_relieve(g->tables) == -1)
            return -1;
        inflight_reserve(&g->inflight, &reservation, geometry_cluster_start(geometry, start),
                         round_up(stop, geometry->cluster_size));
        r = data_file_clear(g, start, stop, change != CHANGE_ZERO);
        if (r == 0)
            r = empty_kept(g, start, stop, change);
        if (r == 0)
            r = change_table(g, &start, stop, change);
        inflight_release(&g->inflight, &reservation);
        if (r == -1)
            return -1;
        if (start < stop) { /* a part of a compressed cluster */
            uint64_t next =
                min_u64(geometry_cluster_start(geometry, start) + geometry->cluster_size, stop);

            if (zero_data(g, min_u64(next, g->disk.size) - start, start, flags) == -1)
                return -1;
            start = next;
        }
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

/* Whether what a subcluster has before and behind the range reads as zeroes; -1 error. */
static int rest_reads_zero(struct guest *g, uint64_t start, uint64_t count, uint64_t offset)
{
    uint64_t end = start + g->tables->geometry.subcluster_size;
    int r = offset > start ? guest_reads_zero(g, offset - start, start) : 1;

    return r == 1 && offset + count < end
               ? guest_reads_zero(g, end - offset - count, offset + count)
               : r;
}

/* A subcluster of which the guest zeroes a part can become zero as a whole if the rest reads as
 * zeroes.  1: it has, 0: it cannot, -1 error. */
static int zero_subcluster_if_zero(struct guest *g, uint64_t start, uint64_t count, uint64_t offset,
                                   enum change change)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t cluster = geometry_cluster_start(geometry, start);
    struct reservation reservation;
    int r;

    inflight_reserve(&g->inflight, &reservation, cluster, cluster + geometry->cluster_size);
    r = rest_reads_zero(g, start, count, offset);
    if (r == 1) {
        uint64_t end = changing_end(g, start, start + geometry->subcluster_size);

        r = change_table(g, &start, end, change) == -1 ? -1 : 1;
    }
    inflight_release(&g->inflight, &reservation);
    return r;
}

/* A part of a subcluster. */
static int zero_part(struct guest *g, uint64_t count, uint64_t offset, uint32_t flags,
                     enum change change)
{
    uint64_t start = round_down(offset, g->tables->geometry.subcluster_size);
    int r;

    if (offset == start && offset + count == g->disk.size)
        return change_range(g, offset, offset + count, flags, change);
    r = g->tables->header.version >= 3 ? zero_subcluster_if_zero(g, start, count, offset, change)
                                       : holds_nothing(g, offset);
    return r != 0 ? (r == 1 ? 0 : -1) : zero_data(g, count, offset, flags);
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

int guest_zero(struct guest *g, uint64_t count, uint64_t offset, uint32_t flags)
{
    uint64_t size = g->tables->geometry.subcluster_size;
    enum change change = flags & DISK_MAY_UNMAP ? CHANGE_ZERO_UNMAP : CHANGE_ZERO;
    uint64_t end = offset + count;
    uint64_t first = round_up(offset, size);
    uint64_t last = round_down(end, size);

    if (g->tables->header.version < 3 && has_backing(g))
        return zero_data(g, count, offset, flags);
    if (first > last) /* inside one subcluster */
        return zero_part(g, count, offset, flags, change);
    if (offset < first && zero_part(g, first - offset, offset, flags, change) == -1)
        return -1;
    if (change_range(g, first, last, flags, change) == -1)
        return -1;
    return end > last ? zero_part(g, end - last, last, flags, change) : 0;
}

/* Whole clusters, where the end of the disk counts as the end of one. */
static int give_up_range(struct guest *g, uint64_t count, uint64_t offset, enum change change)
{
    uint64_t size = g->tables->geometry.cluster_size;
    uint64_t end = offset + count;
    uint64_t first = round_up(offset, size);
    uint64_t last = end == g->disk.size ? round_up(end, size) : round_down(end, size);

    if (first >= last)
        return 0;
    if (g->tables->header.version < 3 && has_backing(g) && change != CHANGE_CUT)
        return 0;
    return change_range(g, first, last, 0, change);
}

int guest_discard(struct guest *g, uint64_t count, uint64_t offset)
{
    return give_up_range(g, count, offset, CHANGE_DISCARD);
}

int guest_disk_cut(struct disk *disk, uint64_t count, uint64_t offset)
{
    return give_up_range((struct guest *)disk, count, offset, CHANGE_CUT);
}
