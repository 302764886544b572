/* SPDX-License-Identifier: BSD-3-Clause */
/* write.c - writing: in place where the image owns the cluster, else allocate, write, publish
 *
 * An allocating write goes in four steps:
 *   1. reserve the guest clusters (others that want to change them wait);
 *   2. lock exclusively: make the L2 table writable, find host clusters for a run of guest clusters;
 *   3. no lock: one vectored write of what was there before in the first cluster (head), the data,
 *      and what was there before in the last cluster (tail);
 *   4. lock exclusively: publish the L2 entries, drop what they referred to before.
 * Nothing of a failed write is published.  (Clusters of a raw data file go the other way: see
 * put_into_use.)
 *
 * A cluster that the image owns is kept when subclusters of it have no content there yet: the write
 * then completes the first and the last subcluster that it touches, if they are such, and no other.
 * A cluster that moves takes along what lies between its first and its last allocated subcluster.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "guest/data_file.h"
#include "table/flush.h"
#include "table/l2.h"
#include "table/refcount.h"

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

/* What becomes of a cluster that is written. */
enum fate {
    WRITE_IN_PLACE,
    WRITE_KEPT, /* its host cluster stays, its entry changes */
    WRITE_NEW,  /* it gets a new host cluster */
};

/* ------------------------------------------------------------------------------------------------
 * Step 2: allocate
 */

/* The entry of a guest cluster, whose table is writable. */
static int entry_at(struct guest *g, uint64_t guest_offset, struct l2_entry *entry)
{
    struct l2_run run;

    if (l2_find(g->tables, guest_offset, true, &run) != L2_FOUND)
        return -1;
    *entry = l2_run_entry(g->tables, &run, 0);
    return guest_validate_entry(g, guest_offset, *entry);
}

/* Of a cluster in which [offset, end) is written. */
static enum fate fate_of(const struct geometry *g, struct l2_entry entry, uint64_t offset,
                         uint64_t end)
{
    uint64_t written =
        l2_bitmap_range(geometry_subcluster(g, offset), geometry_subcluster(g, end - 1) + 1);

    if (!entry.placed || !(entry.descriptor & ENTRY_COPIED))
        return g->external_data ? WRITE_KEPT : WRITE_NEW;
    return (entry.bitmap & written) == written ? WRITE_IN_PLACE : WRITE_KEPT;
}

/* Where a kept cluster lies. */
static uint64_t kept_at(const struct geometry *g, struct l2_entry entry, uint64_t cluster)
{
    return g->external_data ? cluster : l2_entry_host_offset(entry);
}

/* The subclusters that a write to one of them takes along. */
static uint32_t taken_along(const struct geometry *g, struct l2_entry entry, bool kept,
                            uint32_t subcluster)
{
    uint64_t others = l2_entry_is_compressed(entry) ? l2_bitmap_range(0, g->subclusters)
                      : kept                        ? 0
                                                    : entry.bitmap & L2_BITMAP_ALLOCATED;

    return (uint32_t)(others | l2_bitmap_range(subcluster, subcluster + 1));
}

/* Where the content begins that a write at offset, which this entry maps, brings into the cluster. */
static uint64_t content_start(const struct geometry *g, struct l2_entry entry, bool kept,
                              uint64_t offset)
{
    uint32_t subcluster = geometry_subcluster(g, offset);

    if (kept && l2_entry_type(entry, subcluster) == SUBCLUSTER_NORMAL)
        return offset;
    return geometry_cluster_start(g, offset) +
           ((uint64_t)__builtin_ctz(taken_along(g, entry, kept, subcluster)) << g->subcluster_bits);
}

/* Where it ends, for a write up to end. */
static uint64_t content_end(const struct geometry *g, struct l2_entry entry, bool kept,
                            uint64_t end)
{
    uint32_t subcluster = geometry_subcluster(g, end - 1);

    if (kept && l2_entry_type(entry, subcluster) == SUBCLUSTER_NORMAL)
        return end;
    return geometry_cluster_start(g, end - 1) +
           ((UINT64_C(32) - (uint64_t)__builtin_clz(taken_along(g, entry, kept, subcluster)))
            << g->subcluster_bits);
}

/* How far from offset on the clusters need new host clusters, or, if the first is kept, how far the
 * kept ones lie next to each other. */
static int measure_run(struct guest *g, uint64_t offset, uint64_t end, struct allocation *a)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t size = geometry->cluster_size, cluster = geometry_cluster_start(geometry, offset);
    struct l2_entry entry;
    enum fate fate;

    *a = (struct allocation){ .guest_offset = cluster };
    if (entry_at(g, offset, &entry) == -1)
        return -1;
    fate = fate_of(geometry, entry, offset, min_u64(cluster + size, end));
    if (fate == WRITE_IN_PLACE)
        return 0;
    a->kept = fate == WRITE_KEPT;
    a->host_offset = a->kept ? kept_at(geometry, entry, cluster) : 0;
    a->start = content_start(geometry, entry, a->kept, offset);
    for (uint64_t at = offset; at < end; at = cluster) {
        uint64_t stop = min_u64(cluster + size, end);

        if (entry_at(g, at, &entry) == -1)
            return -1;
        if (fate_of(geometry, entry, at, stop) != fate)
            break;
        if (a->kept && kept_at(geometry, entry, cluster) != a->host_offset + a->bytes)
            break;
        a->bytes += size;
        a->end = content_end(geometry, entry, a->kept, stop);
        cluster += size;
    }
    return 0;
}

static int allocate(struct guest *g, uint64_t offset, uint64_t end, struct allocation *a)
{
    struct tables *t = g->tables;
    WRITE_SCOPE(&t->lock);

    if (l2_make_writable_locked(t, offset) == -1 || measure_run(g, offset, end, a) == -1)
        return -1;
    if (a->bytes == 0 || tables_has_data_file(t))
        return 0;
    if (a->kept) {
        t->high_water = max_u64(t->high_water, a->host_offset + a->bytes);
        return tables_check_overlap(t, a->host_offset, a->bytes, METADATA_NONE);
    }
    if (refcount_allocate(t, a->bytes >> t->geometry.cluster_bits, &a->host_offset,
                          &a->never_written) == -1)
        return -1;
    a->never_written = a->never_written && !t->encrypted;
    return 0;
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
 * Step 4: publish
 */

int guest_drop_entry(struct guest *g, struct l2_entry entry, enum freed_by by)
{
    struct tables *t = g->tables;
    uint64_t host = l2_entry_host_offset(entry), count = t->geometry.cluster_size;

    if (tables_has_data_file(t))
        return 0;
    if (l2_entry_is_compressed(entry)) {
        host = l2_entry_compressed_offset(&t->geometry, entry);
        count = l2_entry_compressed_length(&t->geometry, entry);
    } else if (host == 0) {
        return 0;
    } else if (!is_aligned(host, count)) {
        return tables_corrupt(t, "L2 entry 0x%016" PRIx64 " points to no cluster boundary",
                              l2_entry_word(&t->geometry, entry));
    }
    if (tables_check_release(t, host, count, METADATA_NONE) == -1)
        return -1;
    return refcount_drop(t, host, count, by);
}

/* What the entry of a cluster of the allocation becomes. */
static struct l2_entry published(const struct geometry *g, const struct allocation *a,
                                 uint64_t cluster, struct l2_entry entry)
{
    uint64_t start = max_u64(cluster, a->start);
    uint64_t end = min_u64(cluster + g->cluster_size, a->end);

    if (l2_entry_is_compressed(entry))
        entry.bitmap = 0;
    entry.descriptor = (a->host_offset + (cluster - a->guest_offset)) | ENTRY_COPIED;
    entry.placed = true;
    if (a->reads_zero)
        return l2_entry_with_zeroes(entry, 0, g->subclusters);
    if (start >= end)
        return entry;
    return l2_entry_with_data(entry, geometry_subcluster(g, start),
                              geometry_subcluster(g, end - 1) + 1);
}

static int publish(struct guest *g, const struct allocation *a)
{
    struct tables *t = g->tables;
    WRITE_SCOPE(&t->lock);

    for (uint64_t done = 0; done < a->bytes; done += t->geometry.cluster_size) {
        uint64_t cluster = a->guest_offset + done;
        struct l2_entry old;

        if (entry_at(g, cluster, &old) == -1 ||
            l2_set_locked(t, cluster, published(&t->geometry, a, cluster, old)) == -1)
            return -1;
        if (!a->kept && guest_drop_entry(g, old, FREED_OTHERWISE) == -1)
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
 * alone must see what the guest sees, so they have to be in use, durably, before there is content. */
static int put_into_use(struct guest *g, struct allocation *a, uint64_t offset, uint64_t end)
{
    uint64_t size = g->tables->geometry.subcluster_size;

    a->start = round_down(offset, size);
    a->end = min_u64(round_up(end, size), a->guest_offset + a->bytes);
    if (clear_unused(g, a->start, data_file_clip(g, a->end)) == -1 || publish(g, a) == -1)
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
    if (allocate(g, offset, offset + count, &a) == -1)
        return -1;
    if (a.bytes == 0)
        return 0;
    if (data_file_is_raw(g->tables))
        return put_into_use(g, &a, offset, offset + count);
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
    uint64_t l2_span = geometry_l2_span(geometry);
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

/* The file reaches as far as the disk will have host clusters there, before entries speak of them. */
static int extend_file(struct guest *g, const struct allocation *a)
{
    struct store *data = g->tables->data;
    uint64_t stop = min_u64(a->guest_offset + a->bytes, g->disk.size), end, length;

    if (!tables_has_data_file(g->tables)) /* which ends where the disk ends */
        stop = round_up(stop, g->tables->geometry.subcluster_size);
    end = a->host_offset + (stop - a->guest_offset);
    if (store_size(data, &length) == -1)
        return -1;
    return length < end ? store_truncate(data, end) : 0;
}

/* Host clusters for the first part of a range of whole clusters that have none; *done as in
 * write_reserved.  Subclusters of theirs stay what they are; the only one of a standard cluster, whose
 * entry cannot say so, becomes zeroes. */
static int preallocate_reserved(struct guest *g, uint64_t start, uint64_t end, uint64_t *done)
{
    const struct geometry *geometry = &g->tables->geometry;
    struct allocation a = { 0 };

    if (allocate(g, start, end, &a) == -1)
        return -1;
    *done = a.bytes ? a.bytes : geometry->cluster_size;
    if (a.bytes == 0 || (a.kept && !geometry->external_data))
        return 0;
    if (geometry->subclusters > 1)
        a.end = a.start;
    else
        a.reads_zero = g->tables->encrypted; /* else the zeroes would have to be written, as data */
    if ((geometry->subclusters == 1 && !a.reads_zero && !a.never_written &&
         store_zero(g->tables->data, data_file_clip(g, start + a.bytes) - start, a.host_offset,
                    true) == -1) ||
        extend_file(g, &a) == -1) {
        abandon(g, &a);
        return -1;
    }
    return publish(g, &a);
}

/* Whole clusters that have no host clusters. */
static int preallocate_clusters(struct guest *g, uint64_t start, uint64_t end)
{
    uint64_t l2_span = geometry_l2_span(&g->tables->geometry);

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
            if (e->placed)
                continue; /* the cluster is there */
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
