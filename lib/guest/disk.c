/* SPDX-License-Identifier: BSD-3-Clause */
/* disk.c - what virtual disks of all formats share: plans and backing chains */

#include "guest/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"

static bool continues(const struct extent *a, const struct extent *b)
{
    if (a->kind != b->kind || a->dirty != b->dirty || a->in_place != b->in_place ||
        a->kind == EXTENT_COMPRESSED)
        return false;
    return a->placed == b->placed && (!a->placed || a->host_offset + a->length == b->host_offset);
}

bool plan_add(struct plan *plan, const struct extent *extent)
{
    struct extent *last = plan->count ? &plan->extents[plan->count - 1] : NULL;

    if (last != NULL && continues(last, extent)) {
        last->length += extent->length;
        return true;
    }
    if (plan->count == PLAN_EXTENTS)
        return false;
    plan->extents[plan->count++] = *extent;
    return true;
}

int disk_refuse_missing(const struct disk *disk, uint64_t offset)
{
    return error_set(EIO,
                     "The range at offset 0x%" PRIx64 " of '%s' lies in its backing file, "
                     "which was not opened",
                     offset, disk->name);
}

int disk_read_backing(struct disk *disk, void *buf, size_t count, uint64_t offset)
{
    uint64_t end = disk->backing ? disk->backing->size : 0;
    size_t inside = offset < end ? (size_t)min_u64(count, end - offset) : 0;

    if (disk->backing_missing)
        return disk_refuse_missing(disk, offset);
    if (inside > 0 && disk_read(disk->backing, buf, inside, offset) == -1)
        return -1;
    memset((uint8_t *)buf + inside, 0, count - inside);
    return 0;
}

int disk_backing_is_zero(struct disk *disk, uint64_t count, uint64_t offset)
{
    struct disk *backing = disk->backing;
    uint64_t end;

    if (disk->backing_missing)
        return 0;
    if (backing == NULL || offset >= backing->size)
        return 1;
    for (end = min_u64(offset + count, backing->size); offset < end;) {
        struct plan plan;

        if (disk_plan(backing, end - offset, offset, &plan) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];
            int zero = e->kind == EXTENT_ZERO ? 1
                       : e->kind == EXTENT_UNALLOCATED
                           ? disk_backing_is_zero(backing, e->length, e->guest_offset)
                           : 0;

            if (zero != 1)
                return zero;
            offset = e->guest_offset + e->length;
        }
    }
    return 1;
}
