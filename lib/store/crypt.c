/* SPDX-License-Identifier: BSD-3-Clause */
/* crypt.c - a store whose bytes lie encrypted in another one */

#include "store/crypt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/iov.h"
#include "store/range_lock.h"

#define SECTOR CIPHER_SECTOR
#define BOUNCE_SIZE (512u * 1024)
#define BOUNCE_ALIGN 4096u

struct crypt {
    struct store store;
    struct store *inner; /* not owned */
    struct cipher *cipher;
    uint64_t base;
    struct range_lock sectors;
};

static struct crypt *to_crypt(struct store *store)
{
    return (struct crypt *)store;
}

static bool is_whole(uint64_t offset, uint64_t count)
{
    return is_aligned(offset | count, SECTOR);
}

/* ------------------------------------------------------------------------------------------------
 * Reading
 */

/* Whole sectors. */
static int read_sectors(struct store *store, struct cipher *cipher, uint8_t *buf, size_t count,
                        uint64_t offset, uint64_t iv_offset)
{
    if (store_pread(store, buf, count, offset) == -1)
        return -1;
    return cipher_decrypt(cipher, buf, count, iv_offset / SECTOR);
}

/* Some bytes of one sector. */
static int read_part(struct store *store, struct cipher *cipher, uint8_t *buf, size_t count,
                     uint64_t offset, uint64_t iv_offset)
{
    uint8_t sector[SECTOR];

    if (read_sectors(store, cipher, sector, SECTOR, round_down(offset, SECTOR), iv_offset) == -1)
        return -1;
    memcpy(buf, sector + offset % SECTOR, count);
    return 0;
}

int crypt_read(struct store *store, struct cipher *cipher, void *buf, size_t count, uint64_t offset,
               uint64_t iv_offset)
{
    for (size_t done = 0; done < count;) {
        uint64_t at = offset + done;
        bool part = at % SECTOR != 0 || count - done < SECTOR;
        size_t now =
            part ? min_u64(count - done, SECTOR - at % SECTOR) : round_down(count - done, SECTOR);

        if ((part ? read_part : read_sectors)(store, cipher, (uint8_t *)buf + done, now, at,
                                              iv_offset + done) == -1)
            return -1;
        done += now;
    }
    return 0;
}

static int crypt_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct crypt *c = to_crypt(store);
    struct range_request request;
    int r;

    range_lock_enter(&c->sectors, &request, round_down(offset, SECTOR),
                     round_up(offset + count, SECTOR), false);
    r = crypt_read(c->inner, c->cipher, buf, count, c->base + offset, offset);
    range_lock_leave(&c->sectors, &request);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static int read_sector(struct crypt *c, uint8_t *buf, uint64_t offset)
{
    return read_sectors(c->inner, c->cipher, buf, SECTOR, c->base + offset, offset);
}

/* What a write of [offset, end) leaves as it is of the first and the last sector of a piece. */
static int read_edges(struct crypt *c, uint8_t *bounce, uint64_t start, uint64_t offset,
                      uint64_t end)
{
    uint64_t last = round_down(end, SECTOR);

    if (offset != start && read_sector(c, bounce, start) == -1)
        return -1;
    if (end == last || (last == start && offset != start))
        return 0;
    return read_sector(c, bounce + (last - start), last);
}

static int write_piece(struct crypt *c, uint8_t *bounce, struct iov_cursor *cursor, uint64_t offset,
                       uint64_t end)
{
    uint64_t start = round_down(offset, SECTOR);
    size_t size = round_up(end, SECTOR) - start;

    if (read_edges(c, bounce, start, offset, end) == -1)
        return -1;
    iov_gather(cursor, bounce + (offset - start), end - offset);
    if (cipher_encrypt(c->cipher, bounce, size, start / SECTOR) == -1)
        return -1;
    return store_pwrite(c->inner, bounce, size, c->base + start);
}

static int write_range(struct crypt *c, const struct iovec *iov, int iovcnt, uint64_t offset,
                       uint64_t end)
{
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    size_t most = min_u64(round_up(end, SECTOR) - round_down(offset, SECTOR), BOUNCE_SIZE);
    CLEANUP_FREE uint8_t *bounce = aligned_alloc(BOUNCE_ALIGN, round_up(most, BOUNCE_ALIGN));

    if (bounce == NULL)
        return error_no_memory(), -1;
    while (offset < end) {
        uint64_t piece_end = min_u64(round_down(offset, BOUNCE_SIZE) + BOUNCE_SIZE, end);

        piece_end = min_u64(piece_end, round_down(offset, SECTOR) + most);
        if (write_piece(c, bounce, &cursor, offset, piece_end) == -1)
            return -1;
        offset = piece_end;
    }
    return 0;
}

static int crypt_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct crypt *c = to_crypt(store);
    uint64_t count = iov_total(iov, iovcnt), end;
    struct range_request request;
    int r;

    if (__builtin_add_overflow(offset, count, &end) || end > INT64_MAX - SECTOR - c->base)
        return error_set(EFBIG, "A write beyond 2^63 bytes of '%s' is not possible", store->name);
    range_lock_enter(&c->sectors, &request, round_down(offset, SECTOR), round_up(end, SECTOR),
                     !is_whole(offset, count));
    r = write_range(c, iov, iovcnt, offset, end);
    range_lock_leave(&c->sectors, &request);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * The rest
 */

static int crypt_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    (void)count;
    (void)offset;
    (void)may_punch;
    return error_set(ENOTSUP, "Zeroes can only be written to '%s', which is encrypted",
                     store->name);
}

static int crypt_discard(struct store *store, uint64_t count, uint64_t offset)
{
    (void)store;
    (void)count;
    (void)offset;
    return 0;
}

static int crypt_flush(struct store *store)
{
    return store_flush(to_crypt(store)->inner);
}

static int crypt_size(struct store *store, uint64_t *size)
{
    struct crypt *c = to_crypt(store);

    if (store_size(c->inner, size) == -1)
        return -1;
    *size -= min_u64(*size, c->base);
    return 0;
}

static int crypt_truncate(struct store *store, uint64_t size)
{
    struct crypt *c = to_crypt(store);

    return store_truncate(c->inner, c->base + round_up(size, SECTOR));
}

static int crypt_extent(struct store *store, uint64_t count, uint64_t offset,
                        struct store_extent *extent)
{
    (void)store;
    (void)offset;
    *extent = (struct store_extent){ .length = count };
    return 0;
}

static int crypt_allocated(struct store *store, uint64_t *bytes)
{
    struct store *inner = to_crypt(store)->inner;

    return inner->ops->allocated(inner, bytes);
}

static void crypt_close(struct store *store)
{
    struct crypt *c = to_crypt(store);

    cipher_free(c->cipher);
    range_lock_destroy(&c->sectors);
    free(c);
}

static const struct store_ops crypt_ops = {
    .pread = crypt_pread,
    .pwritev = crypt_pwritev,
    .zero = crypt_zero,
    .discard = crypt_discard,
    .flush = crypt_flush,
    .size = crypt_size,
    .truncate = crypt_truncate,
    .extent = crypt_extent,
    .allocated = crypt_allocated,
    .close = crypt_close,
};

struct store *store_crypt_new(struct store *inner, struct cipher *cipher, uint64_t base)
{
    struct crypt *c = calloc(1, sizeof *c);

    if (c == NULL) {
        cipher_free(cipher);
        return error_no_memory();
    }
    c->store = (struct store){
        .ops = &crypt_ops,
        .name = inner->name,
        .read_only = inner->read_only,
    };
    c->inner = inner;
    c->cipher = cipher;
    c->base = base;
    range_lock_init(&c->sectors);
    return &c->store;
}
