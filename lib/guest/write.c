/* SPDX-License-Identifier: BSD-3-Clause */
/* write.c - writing: in place where the image owns the cluster, else allocate, write, publish
 *
 * An allocating write goes in four steps:
 *   1. reserve the guest clusters (others that want to change them wait);
 *   2. lock exclusively: make the L2 table writable, find host clusters for a run of guest clusters;
 *   3. no lock: one vectored write of what was there before in the first cluster (head), the data,
 *      and what was there before in the last cluster (tail);
 *   4. lock exclusively: publish the L2 entries, drop what they referred to before.
 * Nothing of a failed write is published.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "format/l2_entry.h"
#include "guest/guest.h"
#include "table/flush.h"
#include "table/l2.h"
#include "table/refcount.h"

/* Host clusters for a run of guest clusters. */
struct allocation {
    uint64_t guest_offset; /* cluster aligned */
    uint64_t host_offset;
    uint64_t bytes;     /* whole clusters; 0: the first cluster may be written in place by now */
    bool kept;          /* the clusters were the guest's already, marked as zero */
    bool never_written; /* the host clusters read as zeroes */
};

/* ------------------------------------------------------------------------------------------------
 * Step 2: allocate
 */

static bool is_kept(uint64_t entry)
{
    return l2_entry_type(entry) == CLUSTER_ZERO_ALLOC && entry & ENTRY_COPIED;
}

static bool is_in_place(uint64_t entry)
{
    return l2_entry_type(entry) == CLUSTER_NORMAL && entry & ENTRY_COPIED;
}

/* The entry of a guest cluster, whose table is writable. */
static int entry_at(struct guest *g, uint64_t guest_offset, uint64_t *entry)
{
    struct l2_run run;

    if (l2_find(g->tables, guest_offset, true, &run) != L2_FOUND)
        return -1;
    *entry = l2_run_entry(&run, 0);
    return 0;
}

/* How far from start on the clusters need new host clusters, or, if the first is kept, how far the
 * kept ones lie next to each other. */
static int measure_run(struct guest *g, uint64_t start, uint64_t end, struct allocation *a)
{
    uint64_t size = g->tables->geometry.cluster_size;
    uint64_t first, entry;

    if (entry_at(g, start, &first) == -1)
        return -1;
    *a = (struct allocation){ .guest_offset = start };
    if (is_in_place(first))
        return 0;
    a->kept = is_kept(first);
    a->host_offset = a->kept ? l2_entry_host_offset(first) : 0;
    for (uint64_t at = start; at < end; at += size) {
        if (entry_at(g, at, &entry) == -1)
            return -1;
        if (is_in_place(entry) || is_kept(entry) != a->kept)
            break;
        if (a->kept && l2_entry_host_offset(entry) != a->host_offset + a->bytes)
            break;
        a->bytes += size;
    }
    return 0;
}

static int allocate(struct guest *g, uint64_t start, uint64_t end, struct allocation *a)
{
    struct tables *t = g->tables;
    WRITE_SCOPE(&t->lock);

    if (l2_make_writable_locked(t, start) == -1 || measure_run(g, start, end, a) == -1)
        return -1;
    if (a->bytes == 0)
        return 0;
    if (a->kept) {
        t->high_water = max_u64(t->high_water, a->host_offset + a->bytes);
        return tables_check_overlap(t, a->host_offset, a->bytes, METADATA_NONE);
    }
    return refcount_allocate(t, a->bytes >> t->geometry.cluster_bits, &a->host_offset,
                             &a->never_written);
}

/* ------------------------------------------------------------------------------------------------
 * Step 3: write data, head and tail
 */

/* What the guest saw before in a part of a cluster that is about to move, or of a kept one. */
struct border {
    uint64_t offset; /* guest */
    uint64_t count;
    uint8_t *bytes; /* NULL: nothing needs to be written */
};

static int border_load(struct guest *g, const struct allocation *a, struct border *b)
{
    uint64_t inside = b->offset < g->disk.size ? min_u64(b->count, g->disk.size - b->offset) : 0;

    if (b->count == 0)
        return 0;
    if (a->never_written) {
        int zero = guest_reads_zero(g, b->count, b->offset);

        if (zero != 0)
            return zero == 1 ? 0 : -1;
    }
    b->bytes = calloc(1, b->count);
    if (b->bytes == NULL)
        return error_no_memory(), -1;
    return inside ? guest_read(g, b->bytes, inside, b->offset) : 0;
}

static int write_data(struct guest *g, const struct allocation *a, const void *buf, size_t count,
                      uint64_t offset)
{
    CLEANUP_FREE uint8_t *head_bytes = NULL, *tail_bytes = NULL;
    struct border head = { a->guest_offset, offset - a->guest_offset, NULL };
    struct border tail = { offset + count, a->guest_offset + a->bytes - (offset + count), NULL };
    uint64_t at = a->host_offset + head.count;
    struct iovec iov[3];
    int n = 0, r;

    r = border_load(g, a, &head);
    head_bytes = head.bytes;
    if (r == -1)
        return -1;
    r = border_load(g, a, &tail);
    tail_bytes = tail.bytes;
    if (r == -1)
        return -1;
    if (head_bytes != NULL) {
        iov[n++] = (struct iovec){ head_bytes, head.count };
        at = a->host_offset;
    }
    iov[n++] = (struct iovec){ (void *)(uintptr_t)buf, count };
    if (tail_bytes != NULL)
        iov[n++] = (struct iovec){ tail_bytes, tail.count };
    return store_pwritev(g->tables->data, iov, n, at);
}

/* ------------------------------------------------------------------------------------------------
 * Step 4: publish
 */

int guest_drop_entry(struct guest *g, uint64_t entry)
{
    struct tables *t = g->tables;
    uint64_t host = l2_entry_host_offset(entry), count = t->geometry.cluster_size;

    if (entry & L2_COMPRESSED) {
        host = l2_entry_compressed_offset(&t->geometry, entry);
        count = l2_entry_compressed_length(&t->geometry, entry);
    } else if (host == 0) {
        return 0;
    } else if (!is_aligned(host, count)) {
        return tables_corrupt(t, "L2 entry 0x%016" PRIx64 " points to no cluster boundary", entry);
    }
    /* metadata would be punched and given to somebody else */
    if (tables_check_overlap(t, host, count, METADATA_NONE) == -1)
        return -1;
    return refcount_drop(t, host, count);
}

static int publish(struct guest *g, const struct allocation *a)
{
    struct tables *t = g->tables;
    WRITE_SCOPE(&t->lock);

    for (uint64_t done = 0; done < a->bytes; done += t->geometry.cluster_size) {
        uint64_t old;

        if (entry_at(g, a->guest_offset + done, &old) == -1 ||
            l2_set_locked(t, a->guest_offset + done, (a->host_offset + done) | ENTRY_COPIED) == -1)
            return -1;
        if (!a->kept && guest_drop_entry(g, old) == -1)
            return -1;
    }
    return 0;
}

/* Nobody has seen the clusters: they are free at once. */
static void abandon(struct guest *g, const struct allocation *a)
{
    struct error error;

    if (a->kept || a->bytes == 0)
        return;
    error_save(&error);
    {
        WRITE_SCOPE(&g->tables->lock);
        refcount_lower(g->tables, a->host_offset, a->bytes);
    }
    error_restore(&error);
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

/* Write the first part of a range whose first cluster cannot be written in place; *done tells how
 * much (0: it can by now). */
static int write_reserved(struct guest *g, const void *buf, size_t count, uint64_t offset,
                          size_t *done)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t start = geometry_cluster_start(geometry, offset);
    uint64_t end = round_up(offset + count, geometry->cluster_size);
    struct allocation a = { 0 };

    *done = 0;
    if (allocate(g, start, end, &a) == -1)
        return -1;
    if (a.bytes == 0)
        return 0;
    *done = min_u64(count, a.guest_offset + a.bytes - offset);
    if (write_data(g, &a, buf, *done, offset) == -1) {
        abandon(g, &a);
        return -1;
    }
    return publish(g, &a);
}

static int write_allocating(struct guest *g, const void *buf, size_t count, uint64_t offset,
                            size_t *done)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t l2_span = geometry->cluster_size << geometry->l2_bits;
    uint64_t table_end = round_down(offset, l2_span) + l2_span;
    struct reservation reservation;
    int r;

    count = min_u64(count, table_end - offset);
    inflight_reserve(&g->inflight, &reservation, geometry_cluster_start(geometry, offset),
                     round_up(offset + count, geometry->cluster_size));
    r = write_reserved(g, buf, count, offset, done);
    inflight_release(&g->inflight, &reservation);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Allocating without writing
 */

/* Host clusters for the first part of a range of whole clusters; *done as in write_reserved. */
static int preallocate_reserved(struct guest *g, uint64_t start, uint64_t end, uint64_t *done)
{
    struct allocation a = { 0 };

    if (allocate(g, start, end, &a) == -1)
        return -1;
    *done = a.bytes ? a.bytes : g->tables->geometry.cluster_size;
    if (a.bytes == 0)
        return 0;
    if (!a.never_written && store_zero(g->tables->data, a.bytes, a.host_offset, true) == -1) {
        abandon(g, &a);
        return -1;
    }
    return publish(g, &a);
}

/* Whole clusters that hold nothing. */
static int preallocate_clusters(struct guest *g, uint64_t start, uint64_t end)
{
    uint64_t l2_span = g->tables->geometry.cluster_size << g->tables->geometry.l2_bits;

    while (start < end) {
        uint64_t stop = min_u64(round_down(start, l2_span) + l2_span, end), done;
        struct reservation reservation;
        int r;

        if (tables_relieve(g->tables) == -1)
            return -1;
        inflight_reserve(&g->inflight, &reservation, start, stop);
        r = preallocate_reserved(g, start, stop, &done);
        inflight_release(&g->inflight, &reservation);
        if (r == -1)
            return -1;
        start += done;
    }
    return 0;
}

int guest_preallocate(struct guest *g, uint64_t count, uint64_t offset)
{
    const struct geometry *geometry = &g->tables->geometry;

    for (uint64_t end = offset + count; offset < end;) {
        struct plan plan;

        if (guest_plan(g, end - offset, offset, &plan, false) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            offset = e->guest_offset + e->length;
            if (e->kind != EXTENT_UNALLOCATED && e->kind != EXTENT_ZERO)
                continue; /* content: the cluster is there */
            if (preallocate_clusters(g, geometry_cluster_start(geometry, e->guest_offset),
                                     round_up(offset, geometry->cluster_size)) == -1)
                return -1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Writing, whatever is there
 */

int guest_write(struct guest *g, const void *buf, size_t count, uint64_t offset)
{
    const uint8_t *from = buf;

    while (count > 0) {
        struct plan plan;
        size_t done = 0;

        if (guest_plan(g, count, offset, &plan, true) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count && plan.extents[i].in_place; i++) {
            const struct extent *e = &plan.extents[i];

            if (store_pwrite(g->tables->data, from + done, e->length, e->host_offset) == -1)
                return -1;
            done += e->length;
        }
        if (done == 0 && write_allocating(g, from, count, offset, &done) == -1)
            return -1;
        from += done;
        offset += done;
        count -= done;
    }
    return 0;
}
