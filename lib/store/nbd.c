/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd.c - a store on an NBD server
 *
 * The export has the length it has: what lies beyond reads as zeroes, as in every store, but cannot
 * be written.  Requests become what the server accepts: blocks of its size (a write of part of a
 * block reads the rest first, alone), no longer than it allows.
 */

#include "store/nbd.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "store/iov.h"
#include "store/nbd_ahead.h"
#include "store/nbd_kept.h"
#include "store/nbd_line.h"

#define MAX_GATHER (2u << 20)        /* bytes that are put together from several buffers */
#define MAX_ZERO (UINT64_C(1) << 30) /* bytes of one request: lengths have 32 bits on the wire */

struct nbd {
    struct store store;
    struct nbd_way way;
    uint64_t reconnect_delay; /* seconds */
    bool unsafe;              /* flush does nothing */
    struct nbd_kept *kept;    /* where it goes instead of being closed; NULL: nowhere */
    struct nbd_line *line;
    struct nbd_export export;
    atomic_bool changed;        /* a change was completed since the last flush began */
    pthread_mutex_t flush_lock; /* held while flushing: nobody is told of what is under way */
    pthread_rwlock_t
        blocks; /* held shared by what changes whole blocks, alone by what changes parts */
    struct nbd_ahead ahead;
};

static struct nbd *to_nbd(struct store *store)
{
    return (struct nbd *)store;
}

/* ------------------------------------------------------------------------------------------------
 * Errors
 */

/* Nobody answers any more: what was wanted of the export comes first. */
static int server_lost(const struct nbd *nbd, const char *wanted)
{
    const char *why = line_loss(nbd->line);

    return error_set(EIO, "Could not %s '%s': the connection to the server is lost%s%s", wanted,
                     nbd->way.uri, why ? ", and could not be made again: " : "", why ? why : "");
}

static int request_failed(const struct nbd *nbd, int errnum, const char *what, uint64_t count,
                          uint64_t offset)
{
    char wanted[100];

    snprintf(wanted, sizeof wanted, "%s %" PRIu64 " bytes at offset 0x%" PRIx64 " of", what, count,
             offset);
    if (errnum == ENOTCONN)
        return server_lost(nbd, wanted);
    if (errnum == EPROTO)
        return error_set(EPROTO, "Could not %s '%s': the answer of the server is not complete",
                         wanted, nbd->way.uri);
    return error_system(errnum, "Could not %s '%s'", wanted, nbd->way.uri);
}

static int check_change(const struct nbd *nbd, const char *what, uint64_t count, uint64_t offset)
{
    if (nbd->store.read_only)
        return error_set(EROFS, "Could not write to '%s': it was opened read-only", nbd->way.uri);
    if (range_within(offset, count, nbd->export.size))
        return 0;
    return error_set(ENOSPC,
                     "Could not %s %" PRIu64 " bytes at offset 0x%" PRIx64
                     " of '%s': the export has %" PRIu64 " bytes",
                     what, count, offset, nbd->way.uri, nbd->export.size);
}

/* ------------------------------------------------------------------------------------------------
 * Reading
 */

static int read_blocks(struct nbd *nbd, uint8_t *buf, uint64_t count, uint64_t offset)
{
    while (count > 0) {
        size_t piece = min_u64(count, nbd->export.max_request);
        int errnum = line_read(nbd->line, buf, piece, offset);

        if (errnum != 0)
            return request_failed(nbd, errnum, "read", piece, offset);
        buf += piece;
        count -= piece;
        offset += piece;
    }
    return 0;
}

/* The block around offset; the last one may be incomplete. */
static int read_block(struct nbd *nbd, uint8_t *block, uint64_t offset)
{
    uint64_t start = round_down(offset, nbd->export.block_size);

    return read_blocks(nbd, block, min_u64(nbd->export.block_size, nbd->export.size - start),
                       start);
}

/* How many of count bytes from offset on lie in the same block, if that is cut; 0: they begin with
 * whole blocks. */
static size_t cut_part(const struct nbd *nbd, uint64_t count, uint64_t offset)
{
    uint64_t size = nbd->export.block_size;
    uint64_t within = offset & (size - 1);

    return within == 0 && count >= size ? 0 : min_u64(count, size - within);
}

static int nbd_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct nbd *nbd = to_nbd(store);
    uint64_t there = range_before(offset, count, nbd->export.size);
    CLEANUP_FREE uint8_t *block = NULL;
    uint8_t *to = buf;

    memset(to + there, 0, count - there);
    while (there > 0) {
        size_t part = cut_part(nbd, there, offset);

        if (part > 0) {
            block = block ? block : malloc(nbd->export.block_size);
            if (block == NULL)
                return error_no_memory(), -1;
            if (read_block(nbd, block, offset) == -1)
                return -1;
            memcpy(to, block + (offset & (nbd->export.block_size - 1)), part);
        } else {
            part = round_down(there, nbd->export.block_size);
            if (read_blocks(nbd, to, part, offset) == -1)
                return -1;
        }
        to += part;
        offset += part;
        there -= part;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static void begin_change(struct nbd *nbd)
{
    ahead_note_write(&nbd->ahead);
}

static void end_change(struct nbd *nbd)
{
    ahead_note_write(&nbd->ahead);
    atomic_store(&nbd->changed, true);
}

static int write_blocks(struct nbd *nbd, const uint8_t *buf, uint64_t count, uint64_t offset)
{
    READ_SCOPE(&nbd->blocks);

    while (count > 0) {
        size_t piece = min_u64(count, nbd->export.max_request);
        int errnum = line_write(nbd->line, buf, piece, offset);

        if (errnum != 0)
            return request_failed(nbd, errnum, "write", piece, offset);
        buf += piece;
        count -= piece;
        offset += piece;
    }
    return 0;
}

/* Change count bytes within one block. */
static int write_part(struct nbd *nbd, const uint8_t *buf, size_t count, uint64_t offset)
{
    uint64_t start = round_down(offset, nbd->export.block_size);
    size_t size = min_u64(nbd->export.block_size, nbd->export.size - start);
    CLEANUP_FREE uint8_t *block = malloc(nbd->export.block_size);
    WRITE_SCOPE(&nbd->blocks);
    int errnum;

    if (block == NULL)
        return error_no_memory(), -1;
    if (read_block(nbd, block, offset) == -1)
        return -1;
    memcpy(block + (offset - start), buf, count);
    errnum = line_write(nbd->line, block, size, start);
    return errnum ? request_failed(nbd, errnum, "write", size, start) : 0;
}

static int write_bytes(struct nbd *nbd, const uint8_t *buf, size_t count, uint64_t offset)
{
    while (count > 0) {
        size_t part = cut_part(nbd, count, offset);
        int r;

        if (part > 0) {
            r = write_part(nbd, buf, part, offset);
        } else {
            part = round_down(count, nbd->export.block_size);
            r = write_blocks(nbd, buf, part, offset);
        }
        if (r == -1)
            return -1;
        buf += part;
        offset += part;
        count -= part;
    }
    return 0;
}

/* A request of several buffers goes out as one, or in large pieces. */
static int write_gathered(struct nbd *nbd, const struct iovec *iov, int iovcnt, size_t count,
                          uint64_t offset)
{
    CLEANUP_FREE uint8_t *buf = malloc(min_u64(count, MAX_GATHER));
    struct iov_cursor cursor = iov_start(iov, iovcnt);

    if (buf == NULL)
        return error_no_memory(), -1;
    while (count > 0) {
        size_t piece = min_u64(count, MAX_GATHER);

        iov_gather(&cursor, buf, piece);
        if (write_bytes(nbd, buf, piece, offset) == -1)
            return -1;
        count -= piece;
        offset += piece;
    }
    return 0;
}

static int nbd_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct nbd *nbd = to_nbd(store);
    size_t count = iov_total(iov, iovcnt);
    int r;

    if (check_change(nbd, "write", count, offset) == -1)
        return -1;
    if (count == 0)
        return 0;
    begin_change(nbd);
    r = iovcnt == 1 ? write_bytes(nbd, iov->iov_base, count, offset)
                    : write_gathered(nbd, iov, iovcnt, count, offset);
    end_change(nbd);
    return r;
}

/* Call the server for a range of whole blocks, in pieces. */
static int zero_blocks(struct nbd *nbd, uint64_t count, uint64_t offset, bool may_punch)
{
    READ_SCOPE(&nbd->blocks);

    while (count > 0) {
        uint64_t piece = min_u64(count, MAX_ZERO);
        int errnum = line_zero(nbd->line, piece, offset, may_punch);

        if (errnum != 0)
            return request_failed(nbd, errnum, "zero", piece, offset);
        count -= piece;
        offset += piece;
    }
    return 0;
}

/* The cut blocks at both ends are written. */
static int zero_range(struct nbd *nbd, uint64_t count, uint64_t offset, bool may_punch)
{
    size_t head = cut_part(nbd, count, offset);
    uint64_t middle = round_down(count - head, nbd->export.block_size);
    CLEANUP_FREE uint8_t *zeroes = calloc(1, nbd->export.block_size);

    if (zeroes == NULL)
        return error_no_memory(), -1;
    if (zero_blocks(nbd, middle, offset + head, may_punch) == -1 ||
        write_bytes(nbd, zeroes, head, offset) == -1)
        return -1;
    return write_bytes(nbd, zeroes, count - head - middle, offset + head + middle);
}

static int nbd_zero_range(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct nbd *nbd = to_nbd(store);
    int r;

    if (count == 0)
        return 0;
    if (check_change(nbd, "zero", count, offset) == -1)
        return -1;
    if (!nbd->export.zero)
        return error_set(ENOTSUP, "The server of '%s' cannot zero", nbd->way.uri);
    begin_change(nbd);
    r = zero_range(nbd, count, offset, may_punch);
    end_change(nbd);
    return r;
}

static int trim_blocks(struct nbd *nbd, uint64_t count, uint64_t offset)
{
    while (count > 0) {
        uint64_t piece = min_u64(count, MAX_ZERO);
        int errnum = line_trim(nbd->line, piece, offset);

        if (errnum != 0 && errnum != ENOTSUP)
            return request_failed(nbd, errnum, "discard", piece, offset);
        count -= piece;
        offset += piece;
    }
    return 0;
}

static int nbd_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct nbd *nbd = to_nbd(store);
    uint64_t end = round_down(min_u64(offset + count, nbd->export.size), nbd->export.block_size);
    uint64_t start = round_up(offset, nbd->export.block_size);
    int r;

    if (!nbd->export.trim || start >= end)
        return 0;
    if (check_change(nbd, "discard", end - start, start) == -1)
        return -1;
    begin_change(nbd);
    r = trim_blocks(nbd, end - start, start);
    end_change(nbd);
    return r;
}

/* A server that knows no flush keeps nothing back. */
static int nbd_flush_all(struct store *store)
{
    struct nbd *nbd = to_nbd(store);
    int errnum;

    if (nbd->unsafe || store->read_only || !nbd->export.flush)
        return 0;
    LOCK_SCOPE(&nbd->flush_lock);
    if (line_flush_failed(nbd->line))
        return error_set(EIO,
                         "Could not flush '%s': an earlier flush failed, and what was written "
                         "before it may be lost",
                         nbd->way.uri);
    if (!atomic_exchange(&nbd->changed, false))
        return 0;
    errnum = line_flush(nbd->line);
    if (errnum == ENOTCONN)
        return server_lost(nbd, "flush");
    return errnum ? error_system(errnum, "Could not flush '%s'", nbd->way.uri) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Size and extents
 */

static int nbd_size(struct store *store, uint64_t *size)
{
    *size = to_nbd(store)->export.size;
    return 0;
}

static int nbd_truncate(struct store *store, uint64_t size)
{
    return check_change(to_nbd(store), "resize to", size, 0);
}

static int nbd_extent(struct store *store, uint64_t count, uint64_t offset,
                      struct store_extent *extent)
{
    struct nbd *nbd = to_nbd(store);
    int errnum;

    if (offset >= nbd->export.size) {
        *extent = (struct store_extent){ .length = count, .hole = true, .beyond = true };
        return 0;
    }
    count = min_u64(count, nbd->export.size - offset);
    *extent = (struct store_extent){ .length = count, .hole = false };
    if (!nbd->export.extents || offset >= ahead_end(nbd->line))
        return 0;
    errnum = ahead_extent(&nbd->ahead, nbd->line, count, offset, extent);
    return errnum ? request_failed(nbd, errnum, "find holes in", count, offset) : 0;
}

static int nbd_allocated(struct store *store, uint64_t *bytes)
{
    (void)store;
    *bytes = STORE_ALLOCATED_UNKNOWN;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Opening and closing
 */

static void nbd_store_keep(struct nbd *nbd)
{
    struct nbd_kept *kept = nbd->kept;

    nbd->kept = NULL;
    nbd->store.shown = NULL;
    ahead_forget(&nbd->ahead);
    nbd_kept_put(kept, &nbd->store);
    nbd_kept_unref(kept);
}

static void nbd_store_close(struct store *store)
{
    struct nbd *nbd = to_nbd(store);

    if (nbd->kept != NULL) {
        nbd_store_keep(nbd);
        return;
    }
    line_close(nbd->line);
    pthread_mutex_destroy(&nbd->flush_lock);
    ahead_destroy(&nbd->ahead);
    pthread_rwlock_destroy(&nbd->blocks);
    free(nbd->way.uri);
    free(nbd->way.tls_hostname);
    free(nbd->way.dirty_bitmap);
    free(nbd);
}

static const struct store_ops nbd_ops = {
    .pread = nbd_pread,
    .pwritev = nbd_pwritev,
    .zero = nbd_zero_range,
    .discard = nbd_discard,
    .flush = nbd_flush_all,
    .size = nbd_size,
    .truncate = nbd_truncate,
    .extent = nbd_extent,
    .allocated = nbd_allocated,
    .close = nbd_store_close,
};

/* A copy of a text that may be NULL. */
static bool copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to != NULL || from == NULL;
}

static struct nbd *nbd_new(const char *uri, uint32_t flags, const struct nbd_options *options)
{
    struct nbd *nbd = calloc(1, sizeof *nbd);

    if (nbd == NULL)
        return error_no_memory();
    nbd->reconnect_delay = options->reconnect_delay;
    nbd->way.may_name_files = (flags & STORE_FOREIGN_NAME) == 0;
    atomic_init(&nbd->changed, true);
    pthread_rwlock_init(&nbd->blocks, NULL);
    pthread_mutex_init(&nbd->flush_lock, NULL);
    ahead_init(&nbd->ahead);
    if (!copy(&nbd->way.uri, uri) || !copy(&nbd->way.tls_hostname, options->tls_hostname) ||
        !copy(&nbd->way.dirty_bitmap, options->dirty_bitmap)) {
        nbd_store_close(&nbd->store);
        return error_no_memory();
    }
    nbd->store = (struct store){ .ops = &nbd_ops, .name = nbd->way.uri };
    return nbd;
}

static struct nbd *nbd_connect(const char *uri, uint32_t flags, const struct nbd_options *options)
{
    struct nbd *nbd = nbd_new(uri, flags, options);

    if (nbd == NULL)
        return NULL;
    nbd->line = line_open(&nbd->way, options->open_timeout, options->reconnect_delay);
    if (nbd->line != NULL) {
        nbd->export = *line_export(nbd->line);
        return nbd;
    }
    nbd_store_close(&nbd->store);
    return NULL;
}

/* The export that was looked at before, if it was reached in the same way. */
static struct nbd *nbd_take_kept(const char *uri, uint32_t flags, const struct nbd_options *options)
{
    struct store *store = options->kept ? nbd_kept_take(options->kept) : NULL;
    struct nbd *nbd = store ? to_nbd(store) : NULL;

    if (nbd == NULL || (strcmp(nbd->way.uri, uri) == 0 &&
                        nbd->way.may_name_files == ((flags & STORE_FOREIGN_NAME) == 0) &&
                        text_same(nbd->way.tls_hostname, options->tls_hostname) &&
                        text_same(nbd->way.dirty_bitmap, options->dirty_bitmap) &&
                        nbd->reconnect_delay == options->reconnect_delay))
        return nbd;
    nbd_store_close(store);
    return NULL;
}

struct store *store_nbd_open(const char *uri, uint32_t flags, const struct nbd_options *options)
{
    struct nbd *nbd = nbd_take_kept(uri, flags, options);

    if (nbd == NULL)
        nbd = nbd_connect(uri, flags, options);
    if (nbd == NULL)
        return NULL;
    nbd->unsafe = (flags & STORE_UNSAFE) != 0;
    nbd->store.read_only = (flags & STORE_READ_ONLY) != 0;
    if (nbd->store.read_only || !nbd->export.read_only) {
        if (flags & STORE_LOOK && options->kept)
            nbd->kept = nbd_kept_ref(options->kept);
        return &nbd->store;
    }
    error_set(EACCES, "Could not open '%s': the export is read-only", uri);
    nbd_store_close(&nbd->store);
    return NULL;
}
