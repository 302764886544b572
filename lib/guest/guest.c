/* SPDX-License-Identifier: BSD-3-Clause */
/* guest.c - the virtual disk of a qcow2 image: every request, counted while it runs */

#include "guest/guest.h"

#include <stdlib.h>

#include "table/flush.h"

static struct guest *guest_of(struct disk *disk)
{
    return (struct guest *)disk;
}

static int plan_op(struct disk *disk, uint64_t count, uint64_t offset, struct plan *plan)
{
    return guest_plan(guest_of(disk), count, offset, plan, false);
}

static int read_op(struct disk *disk, void *buf, size_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket = quarantine_enter(&g->tables->quarantine);
    int r = guest_read(g, buf, count, offset);

    quarantine_leave(&g->tables->quarantine, ticket);
    return r;
}

/* Before a change: is the image in a state to be changed, and is there room in memory for more? */
static int prepare(struct guest *g)
{
    return tables_usable(g->tables) == -1 ? -1 : tables_relieve(g->tables);
}

static int write_op(struct disk *disk, const void *buf, size_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;
    int r;

    if (prepare(g) == -1)
        return -1;
    ticket = quarantine_enter(&g->tables->quarantine);
    r = guest_write(g, buf, count, offset);
    quarantine_leave(&g->tables->quarantine, ticket);
    return r;
}

static int zero_op(struct disk *disk, uint64_t count, uint64_t offset, uint32_t flags)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;
    int r;

    if (prepare(g) == -1)
        return -1;
    ticket = quarantine_enter(&g->tables->quarantine);
    r = guest_zero(g, count, offset, flags);
    quarantine_leave(&g->tables->quarantine, ticket);
    return r;
}

static int discard_op(struct disk *disk, uint64_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;
    int r;

    if (prepare(g) == -1)
        return -1;
    ticket = quarantine_enter(&g->tables->quarantine);
    r = guest_discard(g, count, offset);
    quarantine_leave(&g->tables->quarantine, ticket);
    return r;
}

static int flush_op(struct disk *disk)
{
    return tables_flush(guest_of(disk)->tables);
}

static void close_op(struct disk *disk)
{
    inflight_destroy(&guest_of(disk)->inflight);
    free(disk);
}

static const struct disk_ops guest_ops = {
    .plan = plan_op,
    .read = read_op,
    .write = write_op,
    .zero = zero_op,
    .discard = discard_op,
    .flush = flush_op,
    .close = close_op,
};

struct disk *guest_disk_new(struct tables *tables)
{
    struct guest *g = calloc(1, sizeof *g);

    if (g == NULL)
        return error_no_memory();
    g->tables = tables;
    g->disk.ops = &guest_ops;
    g->disk.size = tables->header.size;
    g->disk.name = tables->store->name;
    inflight_init(&g->inflight);
    return &g->disk;
}
