/* SPDX-License-Identifier: BSD-3-Clause */
/* write.c - writing: in place where the image owns the cluster, else allocate, write, publish
 *
 * An allocating write goes in four steps:
 *   1. reserve the guest clusters (others that want to change them wait);
 *   2. lock exclusively: make the L2 table writable, find host clusters for a run of guest clusters
 *      (allocation.c);
 *   3. no lock: one vectored write of what was there before in the first cluster (head), the data,
 *      and what was there before in the last cluster (tail);
 *   4. lock exclusively: publish the L2 entries, drop what they referred to before.
 * Nothing of a failed write is published.  (Clusters of a raw data file go the other way: see
 * put_into_use.)
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "guest/allocation.h"
#include "guest/data_file.h"
#include "table/flush.h"

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
    uint64_t inside = range_before(b->offset, b->count, g->disk.size);

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
    struct border head = { a->start, offset - a->start, NULL };
    uint64_t end = data_file_clip(g, a->end);
    struct border tail = { offset + count, end - (offset + count), NULL };
    uint64_t at = a->host_offset + (offset - a->guest_offset);
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
        at -= head.count;
    }
    iov[n++] = (struct iovec){ (void *)(uintptr_t)buf, count };
    if (tail_bytes != NULL)
        iov[n++] = (struct iovec){ tail_bytes, tail.count };
    return store_pwritev(g->tables->data, iov, n, at);
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

/* Have a raw data file hold zeroes where the tables say so. */
static int clear_unused(struct guest *g, uint64_t start, uint64_t end)
{
    while (start < end) {
        struct plan plan;

        if (guest_plan(g, end - start, start, &plan, false) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            if (e->kind != EXTENT_DATA &&
                store_zero(g->tables->data, e->length, e->guest_offset, true) == -1)
                return -1;
            start += e->length;
        }
    }
    return 0;
}

/* Subclusters of a raw data file that the tables call zero or unallocated: whoever reads the file
 * alone must see what the guest sees, so they have to be in use, durably, before there is
 * content. */
static int put_into_use(struct guest *g, struct allocation *a, uint64_t offset, uint64_t end)
{
    uint64_t size = g->tables->geometry.subcluster_size;

    a->start = round_down(offset, size);
    a->end = min_u64(round_up(end, size), a->guest_offset + a->bytes);
    if (clear_unused(g, a->start, data_file_clip(g, a->end)) == -1 ||
        allocation_publish(g, a) == -1)
        return -1;
    return tables_flush(g->tables);
}

/* Write the first part of a range whose first cluster cannot be written in place; *done tells how
 * much (0: it can by now). */
static int write_reserved(struct guest *g, const void *buf, size_t count, uint64_t offset,
                          size_t *done)
{
    struct allocation a = { 0 };

    *done = 0;
    if (allocation_find(g, offset, offset + count, &a) == -1)
        return -1;
    if (a.bytes == 0)
        return 0;
    if (data_file_is_raw(g->tables))
        return put_into_use(g, &a, offset, offset + count);
    *done = min_u64(count, a.guest_offset + a.bytes - offset);
    if (write_data(g, &a, buf, *done, offset) == -1) {
        allocation_abandon(g, &a);
        return -1;
    }
    return allocation_publish(g, &a);
}

/* QEMU encrypts so many clusters at once and allocates them together, which decides where refcount
 * blocks and tables come to lie between them. */
#define ENCRYPTED_RUN 32u

static int write_allocating(struct guest *g, const void *buf, size_t count, uint64_t offset,
                            size_t *done)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t l2_span = geometry_l2_span(geometry);
    uint64_t table_end = round_down(offset, l2_span) + l2_span;
    struct reservation reservation;
    int r;

    count = min_u64(count, table_end - offset);
    if (g->tables->encrypted)
        count = min_u64(count, geometry_cluster_start(geometry, offset) +
                                   ENCRYPTED_RUN * geometry->cluster_size - offset);
    inflight_reserve(&g->inflight, &reservation, geometry_cluster_start(geometry, offset),
                     round_up(offset + count, geometry->cluster_size));
    r = write_reserved(g, buf, count, offset, done);
    inflight_release(&g->inflight, &reservation);
    return r;
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
