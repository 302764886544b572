/* SPDX-License-Identifier: BSD-3-Clause */
/* preallocate.c - space on the host for a disk that is not written yet */

#include "image/preallocate.h"

#include "base/bits.h"
#include "base/cleanup.h"
#include "guest/guest.h"
#include "store/luks_volume.h"
#include "table/flush.h"
#include "table/refcount.h"

int preallocate_store(struct store *store, uint64_t count, uint64_t offset, enum preallocation mode)
{
    switch (mode) {
    case PREALLOCATION_OFF:
    case PREALLOCATION_METADATA: return 0;
    case PREALLOCATION_FALLOC: return store_zero(store, count, offset, false);
    case PREALLOCATION_FULL: return store_write_zeroes(store, count, offset);
    }
    return 0;
}

/* Bytes of the extent's host clusters; the disk's last one is held whole, wherever the disk
 * ends. */
static uint64_t held_length(const struct qcow2_image *image, const struct extent *e)
{
    uint64_t end = e->host_offset + e->length;

    if (e->guest_offset + e->length < image->disk->size || tables_has_data_file(&image->tables))
        return e->length;
    return round_up(end, image->tables.geometry.cluster_size) - e->host_offset;
}

/* What becomes of the space of host clusters. */
typedef int space_function(struct qcow2_image *image, const struct extent *e,
                           enum preallocation mode);

static int hold(struct qcow2_image *image, const struct extent *e, enum preallocation mode)
{
    return preallocate_store(image->tables.data, held_length(image, e), e->host_offset, mode);
}

static int give_up(struct qcow2_image *image, const struct extent *e, enum preallocation mode)
{
    (void)mode;
    return store_zero(image->tables.data, e->length, e->host_offset, true);
}

static int is_shared(struct tables *t, uint64_t host_offset, bool *shared)
{
    uint64_t count;
    WRITE_SCOPE(&t->lock);

    if (refcount_get(t, round_down(host_offset, t->geometry.cluster_size), &count) == -1)
        return -1;
    *shared = count > 1;
    return 0;
}

/* The parts of an extent whose host clusters no snapshot has: an entry of the disk's may tell of
 * zeroes where that of a snapshot tells of data, in the same cluster. */
static int for_own_space(struct qcow2_image *image, const struct extent *e,
                         space_function *function, enum preallocation mode)
{
    uint64_t size = image->tables.geometry.cluster_size;
    struct extent own = { .length = 0 };
    bool shared;

    if (image->snapshots.count == 0 || tables_has_data_file(&image->tables))
        return function(image, e, mode);
    for (uint64_t done = 0, step; done < e->length; done += step) {
        step = min_u64(e->length - done, size - (e->host_offset + done) % size);
        if (is_shared(&image->tables, e->host_offset + done, &shared) == -1)
            return -1;
        if (!shared && own.length == 0) {
            own = *e;
            own.guest_offset += done;
            own.host_offset += done;
            own.length = 0;
        }
        own.length += shared ? 0 : step;
        if (own.length > 0 && (shared || done + step == e->length)) {
            if (function(image, &own, mode) == -1)
                return -1;
            own.length = 0;
        }
    }
    return 0;
}

/* The host clusters that the plan mentions. */
static int for_space(struct qcow2_image *image, uint64_t count, uint64_t offset,
                     space_function *function, enum preallocation mode)
{
    for (uint64_t end = offset + count; offset < end;) {
        struct plan plan;

        if (disk_plan(image->disk, end - offset, offset, &plan) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            offset = e->guest_offset + e->length;
            if (e->placed && for_own_space(image, e, function, mode) == -1)
                return -1;
        }
    }
    return 0;
}

int image_preallocate(struct qcow2_image *image, uint64_t count, uint64_t offset,
                      enum preallocation mode)
{
    if (mode == PREALLOCATION_OFF || count == 0)
        return 0;
    if (image->format == FORMAT_LUKS)
        offset += image->luks->header.payload_offset;
    if (image->format != FORMAT_QCOW2)
        return preallocate_store(image->store, count, offset, mode);
    if (guest_disk_preallocate(image->disk, count, offset) == -1 ||
        (mode != PREALLOCATION_METADATA && for_space(image, count, offset, hold, mode) == -1))
        return -1;
    return tables_settle(&image->tables);
}

int image_give_up_space(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    return for_space(image, count, offset, give_up, PREALLOCATION_OFF);
}
