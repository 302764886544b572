/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - guest range to plan: what each L2 entry says, validated, neighbours merged */

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "guest/data_file.h"
#include "table/l2.h"

enum { PLAN_DONE = 0, PLAN_NOT_LOADED = 1 };

static int bad_entry(struct guest *g, uint64_t guest_offset, struct l2_entry entry,
                     const char *what)
{
    return tables_corrupt(g->tables, "L2 entry 0x%016" PRIx64 " of guest offset 0x%" PRIx64 " %s",
                          l2_entry_word(&g->tables->geometry, entry), guest_offset, what);
}

static int bad_bitmap(struct guest *g, uint64_t guest_offset, struct l2_entry entry)
{
    return tables_corrupt(g->tables,
                          "L2 entry 0x%016" PRIx64 " of guest offset 0x%" PRIx64
                          " has an impossible subcluster bitmap, 0x%016" PRIx64 ": %s",
                          l2_entry_word(&g->tables->geometry, entry), guest_offset, entry.bitmap,
                          !entry.placed ? "subclusters are allocated and there is no host cluster"
                                        : "subclusters are both allocated and zero");
}

/* A file that somebody else is writing (a reader with force-share) may have grown. */
static bool within_file(struct tables *t, uint64_t host_offset)
{
    uint64_t length;

    if (host_offset < t->high_water || tables_has_data_file(t)) /* which data_file.c looks at */
        return true;
    return t->read_only && store_size(t->store, &length) == 0 && host_offset < length;
}

static int validate_compressed(struct guest *g, uint64_t guest_offset, struct l2_entry entry)
{
    uint64_t host = l2_entry_compressed_offset(&g->tables->geometry, entry);

    if (host < g->tables->geometry.cluster_size || host >= MAX_HOST_OFFSET ||
        !within_file(g->tables, host))
        return bad_entry(g, guest_offset, entry,
                         "describes a compressed cluster outside of the file");
    return 0;
}

int guest_validate_entry(struct guest *g, uint64_t guest_offset, const struct l2_entry *entry)
{
    const char *flaw;
    uint64_t host = l2_entry_host_offset(*entry);

    if (data_file_find_flaw(g, guest_offset, entry, &flaw) == -1)
        return -1;
    if (flaw != NULL)
        return bad_entry(g, guest_offset, *entry, flaw);
    if (l2_entry_is_compressed(*entry))
        return validate_compressed(g, guest_offset, *entry);
    if (!l2_entry_is_valid(*entry))
        return bad_bitmap(g, guest_offset, *entry);
    if (entry->bitmap & L2_BITMAP_ZERO && g->tables->header.version < 3)
        return bad_entry(g, guest_offset, *entry,
                         "has the zero flag, which version 2 does not know");
    if (!is_aligned(host, g->tables->geometry.cluster_size))
        return bad_entry(g, guest_offset, *entry, "points to no cluster boundary");
    if (entry->bitmap & L2_BITMAP_ALLOCATED && !within_file(g->tables, host))
        return bad_entry(g, guest_offset, *entry, "points beyond the end of the file");
    return 0;
}

/* The extent that an entry gives for [offset, end), subclusters of one type in its cluster. */
static struct extent extent_of(const struct guest *g, struct l2_entry entry, bool exclusive,
                               uint64_t offset, uint64_t end)
{
    const struct geometry *geometry = &g->tables->geometry;
    struct extent e = { .guest_offset = offset, .length = end - offset };

    e.placed = entry.placed;
    if (e.placed)
        e.host_offset = l2_entry_host_offset(entry) + geometry_in_cluster(geometry, offset);
    switch (l2_entry_type(entry, geometry_subcluster(geometry, offset))) {
    case SUBCLUSTER_INVALID: /* was refused before */
    case SUBCLUSTER_UNALLOCATED: e.kind = EXTENT_UNALLOCATED; break;
    case SUBCLUSTER_ZERO: e.kind = EXTENT_ZERO; break;
    case SUBCLUSTER_NORMAL:
        e.kind = EXTENT_DATA;
        e.in_place = exclusive && entry.descriptor & ENTRY_COPIED;
        break;
    case SUBCLUSTER_COMPRESSED:
        e.kind = EXTENT_COMPRESSED;
        e.host_offset = l2_entry_compressed_offset(geometry, entry);
        e.host_length = l2_entry_compressed_length(geometry, entry);
        break;
    }
    return e;
}

/* A plan that is being filled. */
struct filling {
    struct plan *plan;
    uint64_t offset; /* where its next extent begins */
    uint64_t end;
    bool for_write;
};

/* Add what an entry says of its subclusters; 0 when the plan is full. */
static int add_entry(struct guest *g, struct l2_entry entry, bool exclusive, struct filling *f)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t cluster = geometry_cluster_start(geometry, f->offset);
    uint64_t end = min_u64(cluster + geometry->cluster_size, f->end);

    if (guest_validate_entry(g, f->offset, &entry) == -1)
        return -1;
    while (f->offset < end) {
        uint64_t run_end =
            l2_entry_run_end(geometry, entry, geometry_subcluster(geometry, f->offset));
        uint64_t next = min_u64(cluster + (run_end << geometry->subcluster_bits), end);
        struct extent e = extent_of(g, entry, exclusive, f->offset, next);

        if (f->for_write && e.in_place && !tables_has_data_file(g->tables) &&
            tables_check_overlap(g->tables, e.host_offset, e.length, METADATA_NONE) == -1)
            return -1;
        if (!plan_add(f->plan, &e))
            return 0;
        f->offset = next;
    }
    return 1;
}

/* Add the entries of a run; 0 when the plan is full. */
static int add_run(struct guest *g, const struct l2_run *run, struct filling *f)
{
    int r = 1;

    for (uint64_t i = 0; i < run->count && f->offset < f->end && r == 1; i++)
        r = add_entry(g, l2_run_entry(g->tables, run, i), run->exclusive, f);
    return r;
}

/* Bytes from the next extent on to the end of so many clusters, or of the plan. */
static uint64_t span_of(const struct geometry *geometry, uint64_t clusters, const struct filling *f)
{
    uint64_t span = (clusters << geometry->cluster_bits) - geometry_in_cluster(geometry, f->offset);

    return min_u64(span, f->end - f->offset);
}

/* Add clusters, from that of the next extent on, of which nothing is known; 0 when the plan is
 * full. */
static int add_unallocated(const struct geometry *geometry, uint64_t clusters, struct filling *f)
{
    struct extent e = { .kind = EXTENT_UNALLOCATED,
                        .guest_offset = f->offset,
                        .length = span_of(geometry, clusters, f) };

    if (!plan_add(f->plan, &e))
        return 0;
    f->offset += e.length;
    return 1;
}

/* What is told of so many clusters is impossible, or could not be read.  A reader first gets what
 * was planned before them. */
static int give_up(const struct geometry *geometry, uint64_t clusters, struct filling *f)
{
    if (f->plan->count > 0 && !f->for_write)
        return PLAN_DONE;
    if (error_errno() != ENOMEM)
        f->plan->damaged = span_of(geometry, clusters, f);
    return -1;
}

static int fill(struct guest *g, uint64_t count, uint64_t offset, struct plan *plan, bool for_write,
                bool load)
{
    const struct geometry *geometry = &g->tables->geometry;
    struct filling f = { plan, offset, offset + count, for_write };
    int r = 1;

    while (f.offset < f.end && r == 1) {
        struct l2_run run;

        switch (l2_find(g->tables, f.offset, load, &run)) {
        case L2_ERROR:
            plan->unread = run.offset != 0; /* else there is no such table */
            return give_up(geometry, run.count, &f);
        case L2_NOT_LOADED: return plan->count > 0 ? PLAN_DONE : PLAN_NOT_LOADED;
        case L2_ABSENT: r = add_unallocated(geometry, run.count, &f); break;
        case L2_FOUND:
            r = run.zeroes > 0 ? add_unallocated(geometry, run.zeroes, &f) : add_run(g, &run, &f);
            break;
        }
    }
    return r == -1 ? give_up(geometry, 1, &f) : PLAN_DONE;
}

int guest_plan(struct guest *g, uint64_t count, uint64_t offset, struct plan *plan, bool for_write)
{
    plan->count = 0;
    {
        READ_SCOPE(&g->tables->lock);
        int r = fill(g, count, offset, plan, for_write, false);

        if (r != PLAN_NOT_LOADED)
            return r;
    }
    WRITE_SCOPE(&g->tables->lock);
    return fill(g, count, offset, plan, for_write, true);
}

int guest_reads_zero(struct guest *g, uint64_t count, uint64_t offset)
{
    struct plan plan;
    int zero = 1;

    if (offset >= g->disk.size)
        return 1;
    count = min_u64(count, g->disk.size - offset);
    if (guest_plan(g, count, offset, &plan, false) == -1)
        return -1;
    /* it lies in one cluster: all of it is in the plan */
    for (unsigned i = 0; i < plan.count && zero == 1; i++) {
        const struct extent *e = &plan.extents[i];

        zero = e->kind == EXTENT_UNALLOCATED
                   ? disk_backing_is_zero(&g->disk, e->length, e->guest_offset)
                   : e->kind == EXTENT_ZERO;
    }
    return zero;
}
