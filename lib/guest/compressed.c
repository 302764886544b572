/* SPDX-License-Identifier: BSD-3-Clause */
/* compressed.c - writing compressed clusters
 *
 * Streams are packed byte-wise: a new one begins where the last one ended, inside a host cluster
 * that others use, too.  Each stream counts as one reference to every host cluster it touches.  The
 * order of things is that of any allocating write (write.c): reserve, allocate, write, publish.
 */

#include "guest/compressed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "format/l2_entry.h"
#include "table/l2.h"
#include "table/refcount.h"

ssize_t guest_compress(struct guest *g, const void *buf, size_t count, void *out)
{
    uint64_t size = g->tables->geometry.cluster_size;
    CLEANUP_FREE uint8_t *padded = NULL;

    if (count == size)
        return codec_compress(g->streams.codec, buf, size, out);
    padded = calloc(1, size);
    if (padded == NULL)
        return error_no_memory(), -1;
    memcpy(padded, buf, count);
    return codec_compress(g->streams.codec, padded, size, out);
}

/* The L2 entry of a stream (format/l2_entry.h). */
static struct l2_entry stream_entry(const struct geometry *geometry, uint64_t host_offset,
                                    uint64_t size)
{
    uint64_t sectors =
        (host_offset + size - 1) / COMPRESSED_SECTOR - host_offset / COMPRESSED_SECTOR;

    return (struct l2_entry){
        .descriptor = L2_COMPRESSED | host_offset | sectors << (70 - geometry->cluster_bits),
    };
}

static int allocate_stream(struct guest *g, uint64_t size, uint64_t offset, uint64_t *host_offset)
{
    struct tables *t = g->tables;
    WRITE_SCOPE(&t->lock);

    if (l2_make_writable_locked(t, offset) == -1 ||
        refcount_allocate_bytes(t, size, host_offset) == -1)
        return -1;
    /* nobody reads at this place, so nobody can bring the old content back */
    cluster_cache_forget(&g->streams.clusters, *host_offset, size);
    return 0;
}

static int publish_stream(struct guest *g, uint64_t offset, struct l2_entry entry)
{
    struct tables *t = g->tables;
    struct l2_run run;
    struct l2_entry old;
    WRITE_SCOPE(&t->lock);

    if (l2_find(t, offset, true, &run) != L2_FOUND)
        return -1;
    old = l2_run_entry(t, &run, 0);
    l2_run_set_locked(t, &run, 0, entry);
    return guest_drop_entry(g, &old, FREED_OTHERWISE);
}

static void abandon_stream(struct guest *g, uint64_t host_offset, uint64_t size)
{
    WRITE_SCOPE(&g->tables->lock);

    refcount_abandon(g->tables, host_offset, size);
}

static int write_reserved(struct guest *g, const void *stream, size_t size, uint64_t offset)
{
    const struct geometry *geometry = &g->tables->geometry;
    uint64_t host_offset;

    if (allocate_stream(g, size, offset, &host_offset) == -1)
        return -1;
    if (store_pwrite(g->tables->store, stream, size, host_offset) == -1) {
        abandon_stream(g, host_offset, size);
        return -1;
    }
    return publish_stream(g, offset, stream_entry(geometry, host_offset, size));
}

int guest_write_stream(struct guest *g, const void *stream, size_t size, uint64_t offset)
{
    uint64_t cluster_size = g->tables->geometry.cluster_size;
    struct reservation reservation;
    int r;

    if (!is_aligned(offset, cluster_size) || size == 0 || size >= cluster_size)
        return error_set(EINVAL,
                         "A compressed stream of %zu bytes for guest offset 0x%" PRIx64
                         " is not possible",
                         size, offset);
    inflight_reserve(&g->inflight, &reservation, offset, offset + cluster_size);
    r = write_reserved(g, stream, size, offset);
    inflight_release(&g->inflight, &reservation);
    return r;
}

int guest_write_compressed(struct guest *g, const void *buf, size_t count, uint64_t offset)
{
    uint64_t size = g->tables->geometry.cluster_size;
    CLEANUP_FREE uint8_t *stream = malloc(size);
    const uint8_t *from = buf;

    if (stream == NULL)
        return error_no_memory(), -1;
    if (!is_aligned(offset, size) || (!is_aligned(count, size) && offset + count != g->disk.size))
        return error_set(EINVAL, "Compressed writes must cover whole clusters of %" PRIu64 " bytes",
                         size);
    while (count > 0) {
        size_t now = min_u64(count, size);
        ssize_t n = guest_compress(g, from, now, stream);

        if (n == -1)
            return -1;
        if ((n > 0 ? guest_write_stream(g, stream, (size_t)n, offset)
                   : guest_write(g, from, now, offset)) == -1)
            return -1;
        from += now;
        offset += now;
        count -= now;
    }
    return 0;
}
