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
    int r;

    tables_clean_caches(g->tables);
    r = guest_read(g, buf, count, offset);
    quarantine_leave(&g->tables->quarantine, ticket);
    return r;
}

/* Before a change: is the image in a state to be changed, and is there room in memory for more?
 * Then the request is counted. */
static int change_begin(struct guest *g, uint64_t *ticket)
{
    if (tables_usable(g->tables) == -1 || tables_relieve(g->tables) == -1)
        return -1;
    tables_clean_caches(g->tables);
    *ticket = quarantine_enter(&g->tables->quarantine);
    return 0;
}

static int change_end(struct guest *g, uint64_t ticket, int result)
{
    quarantine_leave(&g->tables->quarantine, ticket);
    return result;
}

static int write_op(struct disk *disk, const void *buf, size_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;

    if (change_begin(g, &ticket) == -1)
        return -1;
    return change_end(g, ticket, guest_write(g, buf, count, offset));
}

static int write_compressed_op(struct disk *disk, const void *buf, size_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;

    if (change_begin(g, &ticket) == -1)
        return -1;
    return change_end(g, ticket, guest_write_compressed(g, buf, count, offset));
}

static ssize_t compress_op(struct disk *disk, const void *buf, size_t count, void *out)
{
    return guest_compress(guest_of(disk), buf, count, out);
}

static int write_stream_op(struct disk *disk, const void *stream, size_t size, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;

    if (change_begin(g, &ticket) == -1)
        return -1;
    return change_end(g, ticket, guest_write_stream(g, stream, size, offset));
}

static int zero_op(struct disk *disk, uint64_t count, uint64_t offset, uint32_t flags)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;

    if (change_begin(g, &ticket) == -1)
        return -1;
    return change_end(g, ticket, guest_zero(g, count, offset, flags));
}

static int discard_op(struct disk *disk, uint64_t count, uint64_t offset)
{
    struct guest *g = guest_of(disk);
    uint64_t ticket;

    if (change_begin(g, &ticket) == -1)
        return -1;
    return change_end(g, ticket, guest_discard(g, count, offset));
}

static int flush_op(struct disk *disk)
{
    return tables_flush_lazily(guest_of(disk)->tables);
}

static void close_op(struct disk *disk)
{
    struct guest *g = guest_of(disk);

    streams_destroy(&g->streams);
    cipher_free(g->cipher);
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

void guest_set_cipher(struct disk *disk, struct cipher *cipher)
{
    guest_of(disk)->cipher = cipher;
}

struct disk *guest_disk_new(struct tables *tables, const struct compression *compression)
{
    struct compression of_image = *compression;
    struct guest *g = calloc(1, sizeof *g);

    if (g == NULL)
        return error_no_memory();
    of_image.type = tables->header.compression_type;
    if (streams_init(&g->streams, tables->store, tables->geometry.cluster_size, &of_image) == -1) {
        free(g);
        return NULL;
    }
    g->tables = tables;
    g->disk.ops = &guest_ops;
    g->disk.size = tables->header.size;
    g->disk.name = tables->store->name;
    inflight_init(&g->inflight);
    return &g->disk;
}

int guest_disk_change_codec(struct disk *disk)
{
    struct guest *g = guest_of(disk);

    return streams_change_codec(&g->streams, g->tables->header.compression_type);
}
