/* SPDX-License-Identifier: BSD-3-Clause */
/* raw.c - a raw image: the disk is the store, byte for byte */

#include "guest/raw.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/error.h"

struct raw_disk {
    struct disk disk;
    struct store *store;
    uint64_t start; /* of the store in the file; STORE_SCATTERED: it has no place there */
};

static struct store *store_of(struct disk *disk)
{
    return ((struct raw_disk *)disk)->store;
}

static struct extent extent_of(const struct raw_disk *raw, const struct store_extent *at,
                               uint64_t length, uint64_t offset)
{
    bool placed = raw->start != STORE_SCATTERED && !at->beyond;

    return (struct extent){
        .kind = at->hole ? EXTENT_ZERO : EXTENT_DATA,
        .dirty = at->dirty,
        .in_place = true,
        .placed = placed,
        .guest_offset = offset,
        .length = min_u64(at->length, length),
        .host_offset = placed ? raw->start + offset : 0,
    };
}

static int raw_plan(struct disk *disk, uint64_t count, uint64_t offset, struct plan *plan)
{
    uint64_t end = offset + count;

    plan->count = 0;
    while (offset < end) {
        struct store_extent at;
        struct extent extent;

        if (store_extent_at(store_of(disk), end - offset, offset, &at) == -1)
            return -1;
        extent = extent_of((struct raw_disk *)disk, &at, end - offset, offset);
        if (!plan_add(plan, &extent))
            break;
        offset += extent.length;
    }
    return 0;
}

static int raw_read(struct disk *disk, void *buf, size_t count, uint64_t offset)
{
    return store_pread(store_of(disk), buf, count, offset);
}

static int raw_write(struct disk *disk, const void *buf, size_t count, uint64_t offset)
{
    return store_pwrite(store_of(disk), buf, count, offset);
}

static int raw_zero(struct disk *disk, uint64_t count, uint64_t offset, uint32_t flags)
{
    struct store *store = store_of(disk);
    bool may_punch = flags & DISK_MAY_UNMAP;

    if (flags & DISK_FAST_ZERO)
        return store->ops->zero(store, count, offset, may_punch);
    return store_zero(store, count, offset, may_punch);
}

static int raw_discard(struct disk *disk, uint64_t count, uint64_t offset)
{
    return store_discard(store_of(disk), count, offset);
}

static int raw_flush(struct disk *disk)
{
    return store_of(disk)->read_only ? 0 : store_flush(store_of(disk));
}

static void raw_close(struct disk *disk)
{
    free(disk);
}

static const struct disk_ops raw_ops = {
    .plan = raw_plan,
    .read = raw_read,
    .write = raw_write,
    .zero = raw_zero,
    .discard = raw_discard,
    .flush = raw_flush,
    .close = raw_close,
};

struct disk *raw_disk_new(struct store *store)
{
    struct raw_disk *raw = calloc(1, sizeof *raw);
    uint64_t length;

    if (raw == NULL)
        return error_no_memory();
    raw->store = store;
    store_bottom(store, &raw->start);
    raw->disk.ops = &raw_ops;
    raw->disk.name = store->name;
    if (store_size(store, &length) == -1) {
        free(raw);
        return NULL;
    }
    if (length > INT64_MAX - 512) {
        free(raw);
        error_set(EFBIG, "Could not open '%s': the file is too large", store->name);
        return NULL;
    }
    raw->disk.size = round_up(length, 512);
    return &raw->disk;
}
