/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - guest range to plan: what each L2 entry says, validated, neighbours merged */

#include <inttypes.h>

#include "base/cleanup.h"
#include "format/l2_entry.h"
#include "guest/guest.h"
#include "table/l2.h"

enum { PLAN_DONE = 0, PLAN_NOT_LOADED = 1 };

static int bad_entry(struct guest *g, uint64_t guest_offset, uint64_t entry, const char *what)
{
    return tables_corrupt(g->tables, "L2 entry 0x%016" PRIx64 " of guest offset 0x%" PRIx64 " %s",
                          entry, guest_offset, what);
}

/* A file that somebody else is writing (a reader with force-share) may have grown. */
static bool within_file(struct tables *t, uint64_t host_offset)
{
    uint64_t length;

    if (host_offset < t->high_water)
        return true;
    return t->read_only && store_size(t->store, &length) == 0 && host_offset < length;
}

static int validate_compressed(struct guest *g, uint64_t guest_offset, uint64_t entry)
{
    uint64_t host = l2_entry_compressed_offset(&g->tables->geometry, entry);

    if (host < g->tables->geometry.cluster_size || host >= MAX_HOST_OFFSET ||
        !within_file(g->tables, host))
        return bad_entry(g, guest_offset, entry,
                         "describes a compressed cluster outside of the file");
    return 0;
}

static int validate(struct guest *g, uint64_t guest_offset, uint64_t entry)
{
    uint64_t host = l2_entry_host_offset(entry);

    if (entry & L2_COMPRESSED)
        return validate_compressed(g, guest_offset, entry);
    if (entry & L2_ZERO && g->tables->header.version < 3)
        return bad_entry(g, guest_offset, entry,
                         "has the zero flag, which version 2 does not know");
    if (!is_aligned(host, g->tables->geometry.cluster_size))
        return bad_entry(g, guest_offset, entry, "points to no cluster boundary");
    if (host != 0 && !(entry & L2_ZERO) && !within_file(g->tables, host))
        return bad_entry(g, guest_offset, entry, "points beyond the end of the file");
    return 0;
}

/* The extent that an entry gives for [offset, end), which lies in its cluster. */
static struct extent extent_of(const struct guest *g, uint64_t entry, bool exclusive,
                               uint64_t offset, uint64_t end)
{
    const struct geometry *geometry = &g->tables->geometry;
    struct extent e = { .guest_offset = offset, .length = end - offset };
    uint64_t host = l2_entry_host_offset(entry);

    if (host != 0)
        e.host_offset = host + geometry_in_cluster(geometry, offset);
    switch (l2_entry_type(entry)) {
    case CLUSTER_UNALLOCATED: e.kind = EXTENT_UNALLOCATED; break;
    case CLUSTER_ZERO_PLAIN:
    case CLUSTER_ZERO_ALLOC: e.kind = EXTENT_ZERO; break;
    case CLUSTER_NORMAL:
        e.kind = EXTENT_DATA;
        e.in_place = exclusive && entry & ENTRY_COPIED;
        break;
    case CLUSTER_COMPRESSED:
        e.kind = EXTENT_COMPRESSED;
        e.host_offset = l2_entry_compressed_offset(geometry, entry);
        e.host_length = l2_entry_compressed_length(geometry, entry);
        break;
    }
    return e;
}

/* Add the entries of a run; false when the plan is full. */
static int add_run(struct guest *g, const struct l2_run *run, uint64_t *offset, uint64_t end,
                   struct plan *plan, bool for_write)
{
    const struct geometry *geometry = &g->tables->geometry;

    for (uint64_t i = 0; i < run->count && *offset < end; i++) {
        uint64_t entry = l2_run_entry(run, i);
        uint64_t next =
            min_u64(geometry_cluster_start(geometry, *offset) + geometry->cluster_size, end);
        struct extent e;

        if (validate(g, *offset, entry) == -1)
            return -1;
        e = extent_of(g, entry, run->exclusive, *offset, next);
        if (for_write && e.in_place &&
            tables_check_overlap(g->tables, e.host_offset, e.length, METADATA_NONE) == -1)
            return -1;
        if (!plan_add(plan, &e))
            return 0;
        *offset = next;
    }
    return 1;
}

static int fill(struct guest *g, uint64_t count, uint64_t offset, struct plan *plan, bool for_write,
                bool load)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t end = offset + count;

    while (offset < end) {
        struct l2_run run;
        struct extent hole = { .kind = EXTENT_UNALLOCATED, .guest_offset = offset };
        int r;

        switch (l2_find(g->tables, offset, load, &run)) {
        case L2_ERROR: return -1;
        case L2_NOT_LOADED: return plan->count > 0 ? PLAN_DONE : PLAN_NOT_LOADED;
        case L2_ABSENT:
            hole.length = min_u64((run.count << geometry->cluster_bits) -
                                      geometry_in_cluster(geometry, offset),
                                  end - offset);
            if (!plan_add(plan, &hole))
                return PLAN_DONE;
            offset += hole.length;
            break;
        case L2_FOUND:
            r = add_run(g, &run, &offset, end, plan, for_write);
            if (r != 1)
                return r == 0 ? PLAN_DONE : -1;
            break;
        }
    }
    return PLAN_DONE;
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

    if (offset >= g->disk.size)
        return 1;
    count = min_u64(count, g->disk.size - offset);
    if (guest_plan(g, count, offset, &plan, false) == -1)
        return -1;
    /* it lies in one cluster: one extent */
    if (plan.extents[0].kind == EXTENT_UNALLOCATED)
        return disk_backing_is_zero(&g->disk, count, offset);
    return plan.extents[0].kind == EXTENT_ZERO;
}
