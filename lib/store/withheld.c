/* SPDX-License-Identifier: BSD-3-Clause */
/* withheld.c - a store without its first sector, until everything else is durable */

#include "store/withheld.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/iov.h"

struct withheld {
    struct store store;
    struct store *rest;

    pthread_rwlock_t lock; /* of the sector */
    uint8_t sector[WITHHELD_SECTOR];
};

static struct withheld *to_withheld(struct store *store)
{
    return (struct withheld *)store;
}

static int withheld_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct withheld *w = to_withheld(store);
    size_t n = range_before(offset, count, WITHHELD_SECTOR);

    if (n > 0) {
        READ_SCOPE(&w->lock);
        memcpy(buf, w->sector + offset, n);
    }
    return n == count ? 0 : store_pread(w->rest, (uint8_t *)buf + n, count - n, offset + n);
}

static int withheld_pwritev(struct store *store, const struct iovec *iov, int iovcnt,
                            uint64_t offset)
{
    struct withheld *w = to_withheld(store);
    size_t count = iov_total(iov, iovcnt), n = range_before(offset, count, WITHHELD_SECTOR);
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    CLEANUP_FREE uint8_t *beyond = NULL;

    if (n == 0)
        return store_pwritev(w->rest, iov, iovcnt, offset);
    {
        WRITE_SCOPE(&w->lock);
        iov_gather(&cursor, w->sector + offset, n);
    }
    if (n == count)
        return 0;
    beyond = malloc(count - n);
    if (beyond == NULL)
        return error_no_memory(), -1;
    iov_gather(&cursor, beyond, count - n);
    return store_pwrite(w->rest, beyond, count - n, offset + n);
}

static int withheld_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct withheld *w = to_withheld(store);
    size_t n = range_before(offset, count, WITHHELD_SECTOR);

    if (n > 0) {
        WRITE_SCOPE(&w->lock);
        memset(w->sector + offset, 0, n);
    }
    return n == count ? 0 : store_zero(w->rest, count - n, offset + n, may_punch);
}

static int withheld_discard(struct store *store, uint64_t count, uint64_t offset)
{
    size_t n = range_before(offset, count, WITHHELD_SECTOR);

    return n == count ? 0 : store_discard(to_withheld(store)->rest, count - n, offset + n);
}

static int withheld_flush(struct store *store)
{
    (void)store;
    return 0;
}

static int withheld_size(struct store *store, uint64_t *size)
{
    return store_size(to_withheld(store)->rest, size);
}

static int withheld_truncate(struct store *store, uint64_t size)
{
    return store_truncate(to_withheld(store)->rest, size);
}

static int withheld_extent(struct store *store, uint64_t count, uint64_t offset,
                           struct store_extent *extent)
{
    return store_extent_at(to_withheld(store)->rest, count, offset, extent);
}

static int withheld_allocated(struct store *store, uint64_t *bytes)
{
    struct store *rest = to_withheld(store)->rest;

    return rest->ops->allocated(rest, bytes);
}

static void withheld_close(struct store *store)
{
    struct withheld *w = to_withheld(store);

    pthread_rwlock_destroy(&w->lock);
    free(w);
}

static const struct store_ops withheld_ops = {
    .pread = withheld_pread,
    .pwritev = withheld_pwritev,
    .zero = withheld_zero,
    .discard = withheld_discard,
    .flush = withheld_flush,
    .size = withheld_size,
    .truncate = withheld_truncate,
    .extent = withheld_extent,
    .allocated = withheld_allocated,
    .close = withheld_close,
};

/* What a device or an export held there is an image no more before anything of it is
 * overwritten. */
static int clear_sector(struct withheld *w)
{
    uint64_t size;

    if (store_size(w->rest, &size) == -1)
        return -1;
    if (store_pwrite(w->rest, w->sector, sizeof w->sector, 0) == -1)
        return -1;
    return size == 0 ? 0 : store_flush(w->rest);
}

struct store *store_withheld_new(struct store *store)
{
    struct withheld *w = calloc(1, sizeof *w);

    if (w == NULL)
        return error_no_memory();
    w->store = (struct store){ .ops = &withheld_ops, .name = store->name };
    w->rest = store;
    pthread_rwlock_init(&w->lock, NULL);
    if (clear_sector(w) == 0)
        return &w->store;
    withheld_close(&w->store);
    return NULL;
}

int store_withheld_finish(struct store *store)
{
    struct withheld *w = to_withheld(store);
    READ_SCOPE(&w->lock);

    if (store_flush(w->rest) == -1 || store_pwrite(w->rest, w->sector, sizeof w->sector, 0) == -1)
        return -1;
    return store_flush(w->rest);
}
