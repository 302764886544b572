/* SPDX-License-Identifier: BSD-3-Clause */
/* resize.c - a larger virtual disk
 *
 * The new size, and a larger L1 table if one is needed, come into force by one write of the header
 * (rule R7).  What becomes visible of a backing file that is longer than the old disk is covered
 * with zeroes before that.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "image/size.h"
#include "table/flush.h"
#include "table/refcount.h"

/* An L1 table of more entries in a new place, not yet in force. */
struct new_l1 {
    uint64_t *entries; /* NULL: the old table is large enough */
    uint64_t offset;
    uint32_t size;
};

static int write_l1(struct tables *t, const struct new_l1 *l1)
{
    uint64_t bytes = (uint64_t)l1->size * L1_ENTRY_SIZE;
    CLEANUP_FREE uint8_t *table = malloc(bytes);

    if (table == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < l1->size; i++)
        store_be64(table + (size_t)i * L1_ENTRY_SIZE, l1->entries[i]);
    return store_pwrite(t->store, table, bytes, l1->offset);
}

static int prepare_l1(struct tables *t, uint64_t size, struct new_l1 *l1)
{
    uint64_t needed = geometry_l1_entries(&t->geometry, size);
    bool never_written;
    WRITE_SCOPE(&t->lock);

    *l1 = (struct new_l1){ .offset = t->l1_table_offset, .size = t->l1_size };
    if (needed * L1_ENTRY_SIZE > MAX_L1_BYTES)
        return error_set(EFBIG,
                         "'%s' cannot have a size of %" PRIu64 " bytes: its L1 table would "
                         "be too large",
                         t->store->name, size);
    if (needed <= t->l1_size)
        return 0;
    l1->size = (uint32_t)needed;
    l1->entries = calloc(needed, sizeof l1->entries[0]);
    if (l1->entries == NULL)
        return error_no_memory(), -1;
    memcpy(l1->entries, t->l1, t->l1_size * sizeof t->l1[0]);
    if (refcount_allocate(t, div_round_up(needed * L1_ENTRY_SIZE, t->geometry.cluster_size),
                          &l1->offset, &never_written) == -1)
        return -1;
    return write_l1(t, l1);
}

/* Bytes 24 to 47 of the header: size, crypt_method, l1_size, l1_table_offset. */
static int switch_header(struct tables *t, uint64_t size, const struct new_l1 *l1)
{
    uint8_t bytes[HEADER_L1_AT + 12 - HEADER_SIZE_AT];

    store_be64(bytes, size);
    store_be32(bytes + 8, t->header.crypt_method);
    store_be32(bytes + 12, l1->size);
    store_be64(bytes + 16, l1->offset);
    if (tables_write_header(t, HEADER_SIZE_AT, bytes, sizeof bytes) == -1)
        return tables_fail(t);
    t->header.size = size;
    t->header.l1_size = l1->size;
    t->header.l1_table_offset = l1->offset;
    return 0;
}

static int adopt_l1(struct tables *t, struct new_l1 *l1)
{
    uint64_t old_offset = t->l1_table_offset, old_bytes = (uint64_t)t->l1_size * L1_ENTRY_SIZE;
    WRITE_SCOPE(&t->lock);

    if (l1->entries == NULL)
        return 0;
    free(t->l1);
    t->l1 = RELEASE(l1->entries);
    t->l1_size = l1->size;
    t->l1_table_offset = l1->offset;
    metadata_map_clear_ranges(&t->map, METADATA_ACTIVE_L1);
    if (metadata_map_add_range(&t->map, METADATA_ACTIVE_L1, t->l1_table_offset,
                               (uint64_t)t->l1_size * L1_ENTRY_SIZE) == -1)
        return -1;
    return old_bytes ? refcount_drop(t, old_offset, old_bytes) : 0;
}

/* Flushes, so that the tables on disk are those in memory, before the header changes. */
int image_set_size(struct qcow2_image *image, uint64_t size)
{
    struct tables *t = &image->tables;
    CLEANUP_FREE uint64_t *entries = NULL;
    struct new_l1 l1;
    int r;

    if (tables_settle(t) == -1)
        return -1;
    r = prepare_l1(t, size, &l1);
    entries = l1.entries;
    if (r == -1 || tables_flush(t) == -1)
        return -1;
    if (switch_header(t, size, &l1) == -1)
        return -1;
    r = adopt_l1(t, &l1);
    entries = l1.entries; /* NULL when adopted */
    if (r == -1)
        return tables_fail(t);
    image->disk->size = size;
    return tables_settle(t);
}

/* Zero what a longer backing file would show in the new part of the disk.  That lies beyond the old
 * size: the L1 table must reach there first, which is a step of its own. */
static int cover_backing(struct qcow2_image *image, uint64_t old_size, uint64_t size)
{
    uint64_t backing_size = image->disk->backing ? image->disk->backing->size : 0;
    uint64_t end = min_u64(size, backing_size);
    uint64_t start = old_size;
    int r;

    if (end <= start)
        return 0;
    if (image->tables.header.version < 3)
        return error_set(ENOTSUP,
                         "'%s' is a version 2 image and its backing file is longer than "
                         "the disk: it cannot grow without showing the backing file's "
                         "content",
                         image->filename);
    image->disk->size = size; /* in memory only, for the requests below */
    r = image->disk->ops->zero(image->disk, end - start, start, DISK_MAY_UNMAP);
    image->disk->size = old_size;
    return r;
}

/* A larger L1 table with the old size. */
static int reach(struct qcow2_image *image, uint64_t size)
{
    struct tables *t = &image->tables;
    CLEANUP_FREE uint64_t *entries = NULL;
    struct new_l1 l1;
    int r;

    if (geometry_l1_entries(&t->geometry, size) <= t->l1_size)
        return 0;
    if (tables_settle(t) == -1)
        return -1;
    r = prepare_l1(t, size, &l1);
    entries = l1.entries;
    if (r == -1 || tables_flush(t) == -1 || switch_header(t, t->header.size, &l1) == -1)
        return -1;
    r = adopt_l1(t, &l1);
    entries = l1.entries;
    return r == -1 ? tables_fail(t) : tables_settle(t);
}

static int grow(struct qcow2_image *image, uint64_t size)
{
    uint64_t old_size = image->disk->size;

    if (image->disk->backing && image->disk->backing->size > old_size &&
        (reach(image, size) == -1 || cover_backing(image, old_size, size) == -1))
        return -1;
    return image_set_size(image, size);
}

static int resize_qcow2(struct qcow2_image *image, uint64_t size)
{
    uint64_t old_size = image->disk->size;

    if (image_require_writable_qcow2(image, "Resizing") == -1)
        return -1;
    if (!is_aligned(size, 512))
        return error_set(EINVAL, "The new size must be a multiple of 512");
    if (size > INT64_MAX)
        return error_set(EFBIG, "The size %" PRIu64 " is too large", size);
    if (image->disk->backing_missing)
        return error_set(EINVAL, "Resizing '%s' needs its backing file, which was not opened",
                         image->filename);
    if (image->tables.header.version < 3 && image->snapshots.count > 0)
        return error_set(ENOTSUP, "Can't resize a version 2 image which has snapshots");
    if (size < old_size)
        return error_set(ENOTSUP, "Shrinking '%s' is not supported yet", image->filename);
    return size == old_size ? 0 : grow(image, size);
}

static int resize_raw(struct qcow2_image *image, uint64_t size)
{
    if (image_read_only(image))
        return error_set(EROFS, "'%s' is open read-only", image->filename);
    if (size > INT64_MAX - 512)
        return error_set(EFBIG, "The size %" PRIu64 " is too large", size);
    if (store_truncate(image->store, size) == -1 || store_flush(image->store) == -1)
        return -1;
    image->disk->size = round_up(size, 512);
    return 0;
}

int image_resize(struct qcow2_image *image, uint64_t size, uint32_t flags)
{
    WRITE_SCOPE(&image->operations);

    if (image->disk == NULL)
        return error_set(EINVAL, "'%s' was opened for its metadata only", image->filename);
    if (size < image->disk->size && !(flags & QCOW2_RESIZE_SHRINK))
        return error_set(EINVAL,
                         "Shrinking '%s' from %" PRIu64 " to %" PRIu64
                         " bytes deletes data and must be asked for",
                         image->filename, image->disk->size, size);
    return image->format == FORMAT_RAW ? resize_raw(image, size) : resize_qcow2(image, size);
}
