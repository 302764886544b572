/* SPDX-License-Identifier: BSD-3-Clause */
/* image_store.c - the disk of an image as a store
 *
 * Another image may be stored there, or a part of the disk (a partition) be a raw image of its own.
 * As an export it has the length it has.
 *
 * Locks: calls come from above with locks of the image above held, and take those of the image
 * here. */

#include "image/image_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "store/iov.h"

struct image_store {
    struct store store;
    struct qcow2_image *image; /* owned */
};

static struct qcow2_image *image_of(struct store *store)
{
    return ((struct image_store *)store)->image;
}

static int check_change(struct qcow2_image *image, const char *what, uint64_t count,
                        uint64_t offset)
{
    uint64_t size = image_size_now(image);

    if (range_within(offset, count, size))
        return 0;
    return error_set(ENOSPC,
                     "Could not %s %" PRIu64 " bytes at offset 0x%" PRIx64
                     " of the disk of '%s': it has %" PRIu64 " bytes",
                     what, count, offset, image->filename, size);
}

static int image_store_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct qcow2_image *image = image_of(store);
    size_t there = range_before(offset, count, image_size_now(image));

    memset((uint8_t *)buf + there, 0, count - there);
    return there > 0 ? image_read(image, buf, there, offset) : 0;
}

static int image_store_pwritev(struct store *store, const struct iovec *iov, int iovcnt,
                               uint64_t offset)
{
    struct qcow2_image *image = image_of(store);

    if (check_change(image, "write", iov_total(iov, iovcnt), offset) == -1)
        return -1;
    for (int i = 0; i < iovcnt; i++) {
        if (iov[i].iov_len > 0 &&
            image_write(image, iov[i].iov_base, iov[i].iov_len, offset, 0) == -1)
            return -1;
        offset += iov[i].iov_len;
    }
    return 0;
}

static int image_store_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct qcow2_image *image = image_of(store);

    if (check_change(image, "zero", count, offset) == -1)
        return -1;
    return image_zero(image, count, offset, may_punch ? QCOW2_MAY_UNMAP : 0);
}

static int image_store_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct qcow2_image *image = image_of(store);
    uint64_t there = range_before(offset, count, image_size_now(image));

    return there > 0 ? image_discard(image, there, offset, 0) : 0;
}

static int image_store_flush(struct store *store)
{
    return image_flush(image_of(store));
}

static int image_store_size(struct store *store, uint64_t *size)
{
    *size = image_size_now(image_of(store));
    return 0;
}

static int image_store_truncate(struct store *store, uint64_t size)
{
    return check_change(image_of(store), "resize to", size, 0);
}

static int take_first(void *opaque, const qcow2_extent *found)
{
    struct store_extent *extent = opaque;

    extent->length = found->length;
    extent->hole = found->status & QCOW2_EXTENT_ZERO;
    return 1;
}

static int image_store_extent(struct store *store, uint64_t count, uint64_t offset,
                              struct store_extent *extent)
{
    struct qcow2_image *image = image_of(store);
    uint64_t there = range_before(offset, count, image_size_now(image));

    *extent = (struct store_extent){ .length = count, .hole = true };
    if (there == 0)
        return 0;
    return image_map(image, there, offset, 0, take_first, extent) == -1 ? -1 : 0;
}

/* What all of the image occupies, without its backing files. */
static int image_store_allocated(struct store *store, uint64_t *bytes)
{
    struct qcow2_image *image = image_of(store);
    struct store *data = image->data_store;
    uint64_t more = 0;

    if (image->store->ops->allocated(image->store, bytes) == -1 ||
        (data && data->ops->allocated(data, &more) == -1))
        return -1;
    *bytes = *bytes == STORE_ALLOCATED_UNKNOWN || more == STORE_ALLOCATED_UNKNOWN
                 ? STORE_ALLOCATED_UNKNOWN
                 : *bytes + more;
    return 0;
}

/* What was flushed is durable: what closing still writes makes nothing wrong if it fails. */
static void image_store_close(struct store *store)
{
    image_close(image_of(store));
    free(store);
}

static const struct store_ops image_store_ops = {
    .pread = image_store_pread,
    .pwritev = image_store_pwritev,
    .zero = image_store_zero,
    .discard = image_store_discard,
    .flush = image_store_flush,
    .size = image_store_size,
    .truncate = image_store_truncate,
    .extent = image_store_extent,
    .allocated = image_store_allocated,
    .close = image_store_close,
};

struct store *image_store_new(struct qcow2_image *image)
{
    struct image_store *s = calloc(1, sizeof *s);

    if (s == NULL) {
        error_no_memory();
        image_close(image);
        return NULL;
    }
    s->store = (struct store){
        .ops = &image_store_ops,
        .name = image->filename,
        .read_only = image_read_only(image),
        .below = image->store,
        .below_offset = STORE_SCATTERED,
    };
    s->image = image;
    return &s->store;
}

struct qcow2_image *image_store_image(struct store *store)
{
    return store->ops == &image_store_ops ? image_of(store) : NULL;
}

struct qcow2_image *image_store_beneath(struct store *store, uint64_t *offset)
{
    for (*offset = 0; !image_store_image(store); store = store->below) {
        if (store->below == NULL || store->below_offset == STORE_SCATTERED)
            return NULL;
        *offset += store->below_offset;
    }
    return image_of(store);
}
