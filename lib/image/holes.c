/* SPDX-License-Identifier: BSD-3-Clause */
/* holes.c - was the image preallocated, so that clusters which hold data may be holes of the file?
 *
 * If more clusters are in use than the file occupies space for, some were never written.  Counting
 * the used ones means reading refcounts, so it is done once, when a map is asked for, and only if
 * the length of the file allows the answer to be yes.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "format/refcount_block.h"
#include "image/image.h"

/* Add the used clusters of one block, up to limit. */
static int count_block(struct qcow2_image *image, uint64_t offset, uint8_t *block, uint64_t limit,
                       uint64_t *used)
{
    const struct geometry *g = &image->tables.geometry;
    uint64_t entries = UINT64_C(1) << g->refcount_block_bits;

    if (store_pread(image->store, block, g->cluster_size, offset) == -1)
        return -1;
    for (uint64_t i = 0; i < entries && *used < limit; i++)
        *used += refcount_block_get(block, g->refcount_order, i) != 0;
    return 0;
}

/* The refcount table as the header has it now, as far as it counts the clusters. */
static uint64_t *read_table(struct qcow2_image *image, uint64_t clusters, uint64_t *blocks)
{
    struct tables *t = &image->tables;
    READ_SCOPE(&t->lock);

    *blocks = min_u64(((uint64_t)t->header.refcount_table_clusters << t->geometry.cluster_bits) /
                          REFCOUNT_TABLE_ENTRY_SIZE,
                      div_round_up(clusters, UINT64_C(1) << t->geometry.refcount_block_bits));
    return tables_read_entries(t, t->header.refcount_table_offset, *blocks, "refcount table");
}

/* Are at least limit clusters of the file in use?  1 yes, 0 no, -1 error. */
static int in_use(struct qcow2_image *image, uint64_t clusters, uint64_t limit)
{
    uint64_t blocks, used = 0;
    CLEANUP_FREE uint64_t *table = read_table(image, clusters, &blocks);
    CLEANUP_FREE uint8_t *block = malloc(image->tables.geometry.cluster_size);

    if (table == NULL || block == NULL)
        return table ? (error_no_memory(), -1) : -1;
    for (uint64_t i = 0; i < blocks && used < limit; i++) {
        uint64_t offset = table[i] & REFCOUNT_TABLE_OFFSET_MASK;

        if (offset != 0 && offset < MAX_HOST_OFFSET &&
            count_block(image, offset, block, limit, &used) == -1)
            return -1;
    }
    return used >= limit;
}

static int look(struct qcow2_image *image)
{
    uint64_t length, allocated, clusters, real, limit;

    if (image->format != FORMAT_QCOW2 || image_is_encrypted(image))
        return 0;
    if (store_size(image->store, &length) == -1 ||
        image->store->ops->allocated(image->store, &allocated) == -1)
        return -1;
    if (allocated == STORE_ALLOCATED_UNKNOWN)
        return 0;
    clusters = div_round_up(length, image->tables.geometry.cluster_size);
    real = allocated >> image->tables.geometry.cluster_bits;
    limit = max_u64(real * 10 / 9, real + 2); /* QEMU's limit: both show the same map */
    return clusters < limit ? 0 : in_use(image, clusters, limit);
}

int image_has_holes(struct qcow2_image *image)
{
    int known = atomic_load(&image->holes);

    if (known == HOLES_UNKNOWN) {
        int r = look(image);

        if (r == -1)
            return -1;
        known = r ? HOLES_YES : HOLES_NO;
        atomic_store(&image->holes, known);
    }
    return known == HOLES_YES;
}
