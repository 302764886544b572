/* SPDX-License-Identifier: BSD-3-Clause */
/* allocation.c - host clusters for guest clusters: found before, published after what is written
 * there
 *
 * A cluster that the image owns is kept when subclusters of it have no content there yet: the
 * request then completes the first and the last subcluster that it touches, if they are such, and
 * no other. A cluster that moves takes along what lies between its first and its last allocated
 * subcluster. */

#include "guest/allocation.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "table/l2.h"
#include "table/refcount.h"

/* What becomes of a cluster that is written. */
enum fate {
    WRITE_IN_PLACE,
    WRITE_KEPT, /* its host cluster stays, its entry changes */
    WRITE_NEW,  /* it gets a new host cluster */
};

/* ------------------------------------------------------------------------------------------------
 * Finding
 */

/* The entries of guest clusters next to each other, whose table is writable; a cluster at a
 * time. */
struct walk {
    struct l2_run run; /* of which this many were taken: */
    uint64_t index;
};

static int walk_next(struct guest *g, struct walk *w, uint64_t guest_offset, struct l2_entry *entry)
{
    if (w->index == w->run.count) {
        if (l2_find(g->tables, guest_offset, true, &w->run) != L2_FOUND)
            return -1;
        w->index = 0;
    }
    *entry = l2_run_entry(g->tables, &w->run, w->index++);
    return guest_validate_entry(g, guest_offset, entry);
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

/* Where the content begins that a write at offset, which this entry maps, brings into the
 * cluster. */
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
    struct walk walk = { 0 };
    struct l2_entry entry;
    enum fate fate;

    *a = (struct allocation){ .guest_offset = cluster };
    if (walk_next(g, &walk, offset, &entry) == -1)
        return -1;
    fate = fate_of(geometry, entry, offset, min_u64(cluster + size, end));
    if (fate == WRITE_IN_PLACE)
        return 0;
    a->kept = fate == WRITE_KEPT;
    a->host_offset = a->kept ? kept_at(geometry, entry, cluster) : 0;
    a->start = content_start(geometry, entry, a->kept, offset);
    for (;;) {
        uint64_t at = cluster + size;

        a->bytes += size;
        a->end = content_end(geometry, entry, a->kept, min_u64(at, end));
        if (at >= end)
            return 0;
        if (walk_next(g, &walk, at, &entry) == -1)
            return -1;
        if (fate_of(geometry, entry, at, min_u64(at + size, end)) != fate ||
            (a->kept && kept_at(geometry, entry, at) != a->host_offset + a->bytes))
            return 0;
        cluster = at;
    }
}

int allocation_find(struct guest *g, uint64_t offset, uint64_t end, struct allocation *a)
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
 * Publishing
 */

int guest_drop_entry(struct guest *g, const struct l2_entry *entry, enum freed_by by)
{
    struct tables *t = g->tables;
    uint64_t host = l2_entry_host_offset(*entry), count = t->geometry.cluster_size;

    if (tables_has_data_file(t))
        return 0;
    if (l2_entry_is_compressed(*entry)) {
        host = l2_entry_compressed_offset(&t->geometry, *entry);
        count = l2_entry_compressed_length(&t->geometry, *entry);
    } else if (host == 0) {
        return 0;
    } else if (!is_aligned(host, count)) {
        return tables_corrupt(t, "L2 entry 0x%016" PRIx64 " points to no cluster boundary",
                              l2_entry_word(&t->geometry, *entry));
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

int allocation_publish(struct guest *g, const struct allocation *a)
{
    struct tables *t = g->tables;
    struct walk walk = { 0 };
    WRITE_SCOPE(&t->lock);

    for (uint64_t done = 0; done < a->bytes; done += t->geometry.cluster_size) {
        uint64_t cluster = a->guest_offset + done;
        struct l2_entry old;

        if (walk_next(g, &walk, cluster, &old) == -1)
            return -1;
        l2_run_set_locked(t, &walk.run, walk.index - 1, published(&t->geometry, a, cluster, old));
        if (!a->kept && guest_drop_entry(g, &old, FREED_OTHERWISE) == -1)
            return -1;
    }
    return 0;
}

/* Nobody has seen the clusters: they are free at once. */
void allocation_abandon(struct guest *g, const struct allocation *a)
{
    if (a->kept || a->bytes == 0)
        return;
    WRITE_SCOPE(&g->tables->lock);
    refcount_abandon(g->tables, a->host_offset, a->bytes);
}
