/* SPDX-License-Identifier: BSD-3-Clause */
/* guest.c - the virtual disk of a qcow2 image: every request, counted while it runs */

#include "guest/compressed.h"

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

static int write_compressed_op(struct disk *disk, const void *buf, size_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;
    int r;

    if (prepare(g) == -1)
        return -1;
    ticket = quarantine_enter(&g->tables->quarantine);
    r = guest_write_compressed(g, buf, count, offset);
    quarantine_leave(&g->tables->quarantine, ticket);
    return r;
}

static ssize_t compress_op(struct disk *disk, const void *buf, size_t count, void *out)
{
    return guest_compress(guest_of(disk), buf, count, out);
}

static int write_stream_op(struct disk *disk, const void *stream, size_t size, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;
    int r;

    if (prepare(g) == -1)
        return -1;
    ticket = quarantine_enter(&g->tables->quarantine);
    r = guest_write_stream(g, stream, size, offset);
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
    struct guest *g = guest_of(disk);

    cluster_cache_destroy(&g->clusters);
    codec_free(g->codec);
    inflight_destroy(&g->inflight);
    free(g);
}

static const struct disk_ops guest_ops = {
    .plan = plan_op,
    .read = read_op,
    .write = write_op,
    .write_compressed = write_compressed_op,
    .compress = compress_op,
    .write_stream = write_stream_op,
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
    g->codec = codec_new(tables->header.compression_type);
    if (g->codec == NULL) {
        free(g);
        return NULL;
    }
    cluster_cache_init(&g->clusters, tables->geometry.cluster_size);
    g->tables = tables;
    g->disk.ops = &guest_ops;
    g->disk.size = tables->header.size;
    g->disk.name = tables->store->name;
    inflight_init(&g->inflight);
    return &g->disk;
}
