/* SPDX-License-Identifier: BSD-3-Clause */
/* window.c - a part of another store as a store of its own
 *
 *     0          offset                    offset + size
 *     |   ...    |<------- window ------->|    ...
 *
 * A window that reaches to the end of the store grows and shrinks with it.  One of a given size is
 * as an export or a device: it has the length it has.  What is asked to end earlier stays as it is,
 * what would have to end later is refused, and nothing outside is read or written, ever.
 */

#include "store/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "store/iov.h"

#define SECTOR 512u
#define MAX_OFFSET ((uint64_t)INT64_MAX)

struct window {
    struct store store;
    struct store *whole; /* owned */
    uint64_t offset;     /* bytes, of the window in it */
    uint64_t size;       /* bytes; WINDOW_TO_END: not fixed */
};

static struct window *to_window(struct store *store)
{
    return (struct window *)store;
}

/* As far as the window reaches or, if it has no end, might. */
static uint64_t limit_of(const struct window *w)
{
    return w->size == WINDOW_TO_END ? MAX_OFFSET - w->offset : w->size;
}

static int check_change(const struct window *w, const char *what, uint64_t count, uint64_t offset)
{
    if (range_within(offset, count, limit_of(w)))
        return 0;
    if (w->size == WINDOW_TO_END)
        return error_set(ENOSPC,
                         "Could not %s %" PRIu64 " bytes at offset 0x%" PRIx64
                         " of '%s': it begins at offset 0x%" PRIx64
                         " of a file, and no file is that long",
                         what, count, offset, w->store.name, w->offset);
    return error_set(ENOSPC,
                     "Could not %s %" PRIu64 " bytes at offset 0x%" PRIx64
                     " of '%s': it is the part of %" PRIu64 " bytes at offset 0x%" PRIx64
                     " of a file, and ends there",
                     what, count, offset, w->store.name, w->size, w->offset);
}

static int window_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct window *w = to_window(store);
    size_t there = range_before(offset, count, limit_of(w));

    memset((uint8_t *)buf + there, 0, count - there);
    return there > 0 ? store_pread(w->whole, buf, there, w->offset + offset) : 0;
}

static int window_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct window *w = to_window(store);

    if (check_change(w, "write", iov_total(iov, iovcnt), offset) == -1)
        return -1;
    return store_pwritev(w->whole, iov, iovcnt, w->offset + offset);
}

static int window_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct window *w = to_window(store);

    if (check_change(w, "zero", count, offset) == -1)
        return -1;
    return w->whole->ops->zero(w->whole, count, w->offset + offset, may_punch);
}

static int window_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct window *w = to_window(store);
    uint64_t there = range_before(offset, count, limit_of(w));

    return there > 0 ? store_discard(w->whole, there, w->offset + offset) : 0;
}

static int window_flush(struct store *store)
{
    return store_flush(to_window(store)->whole);
}

static int window_size(struct store *store, uint64_t *size)
{
    struct window *w = to_window(store);

    *size = w->size;
    if (w->size != WINDOW_TO_END)
        return 0;
    if (store_size(w->whole, size) == -1)
        return -1;
    *size -= min_u64(*size, w->offset);
    return 0;
}

static int window_truncate(struct store *store, uint64_t size)
{
    struct window *w = to_window(store);

    if (w->size != WINDOW_TO_END)
        return size <= w->size ? 0 : error_set(ENOTSUP, "Cannot resize fixed-size raw disks");
    if (size > MAX_OFFSET - w->offset)
        return error_set(EFBIG, "Could not resize '%s': File too large", store->name);
    return store_truncate(w->whole, w->offset + size);
}

static int window_extent(struct store *store, uint64_t count, uint64_t offset,
                         struct store_extent *extent)
{
    struct window *w = to_window(store);
    uint64_t there = range_before(offset, count, limit_of(w));

    *extent = (struct store_extent){ .length = count, .hole = true };
    return there > 0 ? store_extent_at(w->whole, there, w->offset + offset, extent) : 0;
}

/* How much of it is here nobody tells. */
static int window_allocated(struct store *store, uint64_t *bytes)
{
    (void)store;
    *bytes = STORE_ALLOCATED_UNKNOWN;
    return 0;
}

static void window_close(struct store *store)
{
    store_close(to_window(store)->whole);
    free(store);
}

static const struct store_ops window_ops = {
    .pread = window_pread,
    .pwritev = window_pwritev,
    .zero = window_zero,
    .discard = window_discard,
    .flush = window_flush,
    .size = window_size,
    .truncate = window_truncate,
    .extent = window_extent,
    .allocated = window_allocated,
    .close = window_close,
};

/* The last sector of the store counts as whole, as everywhere. */
static int check_place(struct store *store, uint64_t offset, uint64_t size)
{
    uint64_t there;

    if (store_size(store, &there) == -1)
        return -1;
    if (there > MAX_OFFSET - SECTOR)
        return error_set(EFBIG, "Could not open '%s': the file is too large", store->name);
    there = round_up(there, SECTOR);
    if (offset > there)
        return error_set(EINVAL,
                         "Could not open '%s': Offset (%" PRIu64
                         ") cannot be greater than size of the containing file (%" PRIu64 ")",
                         store->name, offset, there);
    if (size == WINDOW_TO_END)
        return 0;
    if (size > there - offset)
        return error_set(EINVAL,
                         "Could not open '%s': The sum of offset (%" PRIu64 ") and size (%" PRIu64
                         ") has to be smaller or equal to the  actual size of the containing file "
                         "(%" PRIu64 ")",
                         store->name, offset, size, there);
    if (!is_aligned(size, SECTOR))
        return error_set(EINVAL, "Could not open '%s': Specified size is not multiple of %u",
                         store->name, SECTOR);
    return 0;
}

struct store *store_window_new(struct store *store, uint64_t offset, uint64_t size)
{
    struct window *w = calloc(1, sizeof *w);

    if (w == NULL) {
        error_no_memory();
    } else if (check_place(store, offset, size) == 0) {
        w->store = (struct store){
            .ops = &window_ops,
            .name = store->name,
            .read_only = store->read_only,
            .below = store,
            .below_offset = offset,
        };
        w->whole = store;
        w->offset = offset;
        w->size = size;
        return &w->store;
    }
    free(w);
    store_close(store);
    return NULL;
}
