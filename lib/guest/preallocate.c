/* SPDX-License-Identifier: BSD-3-Clause */
/* preallocate.c - host clusters for guest clusters that are not written yet */

#include "base/cleanup.h"
#include "guest/allocation.h"
#include "guest/data_file.h"
#include "table/flush.h"

/* The file reaches as far as the disk will have host clusters there, before entries speak of
 * them. */
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

/* Host clusters for the first part of a range of whole clusters that have none; *done tells how
 * much that was.  Subclusters of theirs stay what they are; the only one of a standard cluster,
 * whose entry cannot say so, becomes zeroes. */
static int preallocate_reserved(struct guest *g, uint64_t start, uint64_t end, uint64_t *done)
{
    const struct geometry *geometry = &g->tables->geometry;
    struct allocation a = { 0 };

    if (allocation_find(g, start, end, &a) == -1)
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
        allocation_abandon(g, &a);
        return -1;
    }
    return allocation_publish(g, &a);
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

int guest_disk_preallocate(struct disk *disk, uint64_t count, uint64_t offset)
{
    struct guest *g = (struct guest *)disk;
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
