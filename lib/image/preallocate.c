/* SPDX-License-Identifier: BSD-3-Clause */
/* preallocate.c - space on the host for a disk that is not written yet */

#include "image/preallocate.h"

#include "guest/guest.h"
#include "store/luks_volume.h"
#include "table/flush.h"

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

/* The end of the last host cluster that the plan mentions, so that the file reaches there. */
static int hold_space(struct qcow2_image *image, uint64_t count, uint64_t offset,
                      enum preallocation mode, uint64_t *host_end)
{
    for (uint64_t end = offset + count; offset < end;) {
        struct plan plan;

        if (disk_plan(image->disk, end - offset, offset, &plan) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            offset = e->guest_offset + e->length;
            if (!e->placed)
                continue;
            *host_end = max_u64(*host_end, e->host_offset + e->length);
            if (preallocate_store(image->tables.data, e->length, e->host_offset, mode) == -1)
                return -1;
        }
    }
    return 0;
}

int image_preallocate(struct qcow2_image *image, uint64_t count, uint64_t offset,
                      enum preallocation mode)
{
    struct store *data = image->tables.data;
    uint64_t host_end = 0, length;

    if (mode == PREALLOCATION_OFF || count == 0)
        return 0;
    if (image->format == FORMAT_LUKS)
        offset += image->luks->header.payload_offset;
    if (image->format != FORMAT_QCOW2)
        return preallocate_store(image->store, count, offset, mode);
    if (guest_preallocate((struct guest *)image->disk, count, offset) == -1 ||
        hold_space(image, count, offset, mode, &host_end) == -1 || store_size(data, &length) == -1)
        return -1;
    if (image->data_store == NULL) /* a data file ends where the disk ends */
        host_end = round_up(host_end, image->tables.geometry.subcluster_size);
    if (length < host_end && store_truncate(data, host_end) == -1)
        return -1;
    return tables_settle(&image->tables);
}
