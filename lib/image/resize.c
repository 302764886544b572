/* SPDX-License-Identifier: BSD-3-Clause */
/* resize.c - a larger or a smaller virtual disk
 *
 * How a size comes into force is said in size.c.
 *
 * Growing: what becomes visible must read as zeroes.  A backing file that is longer than the old
 * disk is covered with zeroes first, and so is the rest of a last cluster that the old disk used in
 * part. Version 2, where nothing but data covers a backing file, needs host clusters for that: it
 * grows only with preallocation then.  What is preallocated is there before the new size is: if the
 * host has no room for it, the disk is as it was.
 *
 * Shrinking: what is cut off from an L2 table that stays becomes zeroes first, while the disk still
 * has its old size; in version 2 with a backing file, which would show instead, it goes when the
 * disk has its new size.  After the new size is in force, the L2 tables that lie wholly beyond it
 * are released, then the refcount blocks that count nothing any more, and the end of the file is
 * given back; what is free now and does not lie there becomes holes, whatever becomes of clusters
 * that the guest discards.  A power cut in between leaves such tables and entries behind; growing
 * releases them before anything of them can be seen.
 *
 * A VM state lies behind the disk, wherever that ends: that of the active state does not survive.
 *
 * An external data file is made longer before the disk, and shorter after it.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "guest/guest.h"
#include "image/data_file.h"
#include "image/preallocate.h"
#include "image/size.h"
#include "store/luks_volume.h"
#include "table/flush.h"
#include "table/refcount_trim.h"

/* ------------------------------------------------------------------------------------------------
 * Growing
 */

/* Zero a range beyond the old size, which the L1 table reaches. */
static int zero_beyond(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    uint64_t old_size = image->disk->size;
    int r;

    image->disk->size = max_u64(old_size, offset + count); /* in memory only, for this request */
    r = image->disk->ops->zero(image->disk, count, offset, DISK_MAY_UNMAP);
    image->disk->size = old_size;
    return r;
}

/* Preallocate a range beyond the old size, or from there on. */
static int preallocate_beyond(struct qcow2_image *image, uint64_t count, uint64_t offset,
                              enum preallocation mode)
{
    uint64_t old_size = image->disk->size;
    int r;

    image->disk->size = max_u64(old_size, offset + count);
    r = image_preallocate(image, count, offset, mode);
    image->disk->size = old_size;
    return r;
}

/* Zeroes by host clusters, for the whole clusters of the range: version 2. */
static int cover_with_clusters(struct qcow2_image *image, uint64_t count, uint64_t offset,
                               enum preallocation mode)
{
    uint64_t end = offset + count;
    uint64_t boundary = min_u64(round_up(offset, image->tables.geometry.cluster_size), end);

    if (boundary > offset && zero_beyond(image, boundary - offset, offset) == -1)
        return -1;
    return boundary < end ? preallocate_beyond(image, end - boundary, boundary, mode) : 0;
}

/* What a longer backing file would show in the new part of the disk. */
static int cover_backing(struct qcow2_image *image, uint64_t size, enum preallocation mode)
{
    uint64_t old_size = image->disk->size;
    uint64_t backing_size = image->disk->backing ? image->disk->backing->size : 0;
    uint64_t end = min_u64(size, backing_size);

    if (end <= old_size)
        return 0;
    if (image_extend_l1(image, geometry_l1_entries(&image->tables.geometry, size)) == -1)
        return -1;
    if (image->tables.header.version < 3)
        return cover_with_clusters(image, size - old_size, old_size, mode);
    return zero_beyond(image, end - old_size, old_size);
}

/* Is there data of the image's own in a part of a cluster? */
static int has_content(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    struct plan plan;

    if (disk_plan(image->disk, count, offset, &plan) == -1)
        return -1;
    for (unsigned i = 0; i < plan.count; i++)
        if (plan.extents[i].kind == EXTENT_DATA || plan.extents[i].kind == EXTENT_COMPRESSED)
            return 1;
    return 0;
}

/* The rest of the last cluster, if the old disk ends inside it and it has content. */
static int cover_last_cluster(struct qcow2_image *image, uint64_t size)
{
    uint64_t old_size = image->disk->size;
    uint64_t end = min_u64(size, round_up(old_size, image->tables.geometry.cluster_size));
    int any = 0;

    if (end > old_size && old_size > 0)
        any = has_content(image, end - old_size, old_size);
    return any == 1 ? zero_beyond(image, end - old_size, old_size) : any;
}

/* Does an L2 table have anything of a range but zeroes? */
static int holds_any(struct qcow2_image *image, uint64_t offset, uint64_t end)
{
    while (offset < end) {
        struct plan plan;

        if (disk_plan(image->disk, end - offset, offset, &plan) == -1)
            return -1;
        for (unsigned i = 0; i < plan.count; i++) {
            const struct extent *e = &plan.extents[i];

            if (e->placed || e->kind == EXTENT_COMPRESSED)
                return 1;
            offset += e->length;
        }
    }
    return 0;
}

/* Entries behind the last cluster, in its L2 table, which a power cut left behind. */
static int clear_last_table(struct qcow2_image *image)
{
    const struct geometry *g = &image->tables.geometry;
    uint64_t start = round_up(image->disk->size, g->cluster_size);
    uint64_t end = round_up(start, geometry_l2_span(g));
    int any = holds_any(image, start, end);

    return any == 1 ? guest_disk_cut(image->disk, end - start, start) : any;
}

/* L2 tables beyond the old end: a VM state, or what a power cut left behind when the disk
 * shrank. */
static int clear_new_part(struct qcow2_image *image)
{
    struct tables *t = &image->tables;

    return image_release_tables(t, geometry_l1_entries(&t->geometry, image->disk->size),
                                t->l1_size);
}

/* The L1 table reaches what is preallocated before the disk does. */
static int preallocate_new_part(struct qcow2_image *image, uint64_t size, enum preallocation mode)
{
    const struct geometry *g = &image->tables.geometry;
    uint64_t start = image->disk->size;

    /* the old part of the last cluster may show the backing file */
    if (image->disk->backing && g->subclusters == 1)
        start = min_u64(round_up(start, g->cluster_size), size);
    if (mode == PREALLOCATION_OFF || start == size)
        return 0;
    if (image_extend_l1(image, geometry_l1_entries(g, size)) == -1)
        return -1;
    return preallocate_beyond(image, size - start, start, mode);
}

/* The host had no room: what preallocation took may be what the tables need now. */
static void give_up_new_part(struct qcow2_image *image, uint64_t size)
{
    uint64_t old_size = image->disk->size;
    uint64_t start = round_up(old_size, image->tables.geometry.cluster_size);
    struct error error;

    if (start >= size || tables_usable(&image->tables) == -1 ||
        image->tables.l1_size < geometry_l1_entries(&image->tables.geometry, size))
        return;
    error_save(&error);
    image->disk->size = size;
    image_give_up_space(image, size - start, start);
    image->disk->size = old_size;
    error_restore(&error);
}

static int grow(struct qcow2_image *image, uint64_t size, enum preallocation mode)
{
    if (image->tables.header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE)
        mode = mode == PREALLOCATION_OFF ? PREALLOCATION_METADATA : mode;
    if (clear_new_part(image) == -1 || clear_last_table(image) == -1 ||
        cover_last_cluster(image, size) == -1 || cover_backing(image, size, mode) == -1 ||
        image_grow_data_file(image, image->disk->size, size) == -1)
        return -1;
    if (preallocate_new_part(image, size, mode) == 0 && image_set_size(image, size) == 0)
        return 0;
    if (mode != PREALLOCATION_OFF && image->disk->size < size)
        give_up_new_part(image, size);
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Shrinking
 */

/* The rest of the last cluster that stays becomes zeroes, if it has content. */
static int clear_cut_cluster(struct qcow2_image *image, uint64_t size)
{
    uint64_t boundary =
        min_u64(round_up(size, image->tables.geometry.cluster_size), image->disk->size);
    int any = boundary > size ? has_content(image, boundary - size, size) : 0;

    return any == 1 ? image->disk->ops->zero(image->disk, boundary - size, size, DISK_MAY_UNMAP)
                    : any;
}

/* What is cut off of a disk of old_size bytes, as far as its L2 table stays, holds nothing. */
static int clear_cut_table(struct qcow2_image *image, uint64_t size, uint64_t old_size)
{
    const struct geometry *g = &image->tables.geometry;
    uint64_t start = round_up(size, g->cluster_size);
    uint64_t end =
        min_u64(round_up(start, geometry_l2_span(g)), round_up(old_size, g->cluster_size));

    if (start >= end)
        return 0;
    return guest_disk_cut(image->disk, end - start, start);
}

/* What was to be cut off may have changed, and is still there: bitmaps know of it, or are of no use
 * any more. */
static int keep_changed(struct qcow2_image *image, uint64_t size, uint64_t old_size)
{
    struct error error;

    error_save(&error);
    if (image->disk->size == old_size && bitmaps_note(image, old_size - size, size) == -1)
        tables_fail(&image->tables);
    return error_restore(&error);
}

static int shrink(struct qcow2_image *image, uint64_t size)
{
    struct tables *t = &image->tables;
    uint64_t old_size = image->disk->size;
    bool late = t->header.version < 3 && image->disk->backing;

    if (clear_cut_cluster(image, size) == -1 ||
        (!late && clear_cut_table(image, size, old_size) == -1) ||
        image_set_size(image, size) == -1)
        return keep_changed(image, size, old_size);
    if ((late && clear_cut_table(image, size, old_size) == -1) ||
        image_release_tables(t, geometry_l1_entries(&t->geometry, size), t->l1_size) == -1 ||
        image_shrink_data_file(image, size) == -1 || refcount_trim(t) == -1)
        return -1;
    return image_cut_file(image);
}

/* ------------------------------------------------------------------------------------------------
 * Refusals: all of them come before the first change
 */

static int check_bitmaps(const struct qcow2_image *image, uint64_t size)
{
    const struct geometry *g = &image->tables.geometry;

    for (uint32_t i = 0; i < image->bitmaps.count; i++) {
        const struct bitmap *b = image->bitmaps.list[i];
        uint64_t bits = bitmap_bits(size, b->entry.granularity_bits);

        if (!bitmap_is_inconsistent(b) &&
            bitmap_table_entries(bits, g) > MAX_BITMAP_BYTES / g->cluster_size)
            return error_set(EFBIG,
                             "Too much space will be occupied by the bitmap '%s': a larger "
                             "granularity is needed for a disk of %" PRIu64 " bytes",
                             b->entry.name, size);
    }
    return 0;
}

int image_check_size(struct qcow2_image *image, uint64_t size, uint32_t version, bool new_clusters)
{
    const struct disk *disk = image->disk;

    if (!is_aligned(size, 512))
        return error_set(EINVAL, "The new size must be a multiple of 512");
    if (size > INT64_MAX)
        return error_set(EFBIG, "The size %" PRIu64 " is too large", size);
    if (disk->backing_missing)
        return error_set(EINVAL, "Resizing '%s' needs its backing file, which was not opened",
                         image->filename);
    if (version < 3 && image->snapshots.count > 0)
        return error_set(ENOTSUP, "Can't resize a v2 image which has snapshots");
    if (geometry_l1_entries(&image->tables.geometry, size) > MAX_L1_BYTES / L1_ENTRY_SIZE)
        return error_set(EFBIG, "Failed to grow the L1 table: %s", strerror(EFBIG));
    if (version < 3 && !new_clusters && disk->backing &&
        min_u64(size, disk->backing->size) > disk->size)
        return error_set(ENOTSUP,
                         "'%s' is a version 2 image and its backing file is longer than the disk: "
                         "it cannot grow without showing the backing file's content, unless the "
                         "new part is preallocated",
                         image->filename);
    return size > disk->size ? check_bitmaps(image, size) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

/* Growing failed: what was made for the new part goes, as far as that is possible.  If
 * the header may have changed all the same, nothing is. */
static void take_back(struct qcow2_image *image, uint64_t old_size, uint64_t data_length)
{
    struct tables *t = &image->tables;
    struct error error;

    if (image->disk->size != old_size || tables_usable(t) == -1)
        return;
    error_save(&error);
    if (clear_new_part(image) == 0 && clear_last_table(image) == 0 &&
        image_shrink_data_file(image, data_length) == 0 && refcount_trim(t) == 0)
        image_cut_file(image);
    error_restore(&error);
}

static int grow_or_not(struct qcow2_image *image, uint64_t size, enum preallocation mode)
{
    uint64_t old_size = image->disk->size, data_length = 0;

    if (image->data_store && store_size(image->data_store, &data_length) == -1)
        return -1;
    if (grow(image, size, mode) == 0)
        return 0;
    take_back(image, old_size, data_length);
    return -1;
}

static int resize_qcow2(struct qcow2_image *image, uint64_t size, enum preallocation mode)
{
    uint64_t old_size = image->disk->size;

    if (image_require_writable_qcow2(image, "Resizing") == -1)
        return -1;
    if (image_check_size(image, size, image->tables.header.version, mode != PREALLOCATION_OFF) ==
        -1)
        return -1;
    if (size == old_size)
        return 0;
    if (bitmaps_mark(image) == -1)
        return -1;
    return size < old_size ? shrink(image, size) : grow_or_not(image, size, mode);
}

static void take_back_raw(struct qcow2_image *image, uint64_t old_size)
{
    struct error error;

    error_save(&error);
    if (store_truncate(image->luks ? image->crypt : image->store, old_size) == 0)
        image->disk->size = old_size;
    error_restore(&error);
}

/* A raw image, or a LUKS volume, whose new part reads as nobody knows what. */
static int resize_raw(struct qcow2_image *image, uint64_t size, enum preallocation mode)
{
    uint64_t old_size = image->disk->size;
    uint64_t start = image->luks ? image->luks->header.payload_offset : 0;
    struct store *store = image->luks ? image->crypt : image->store;
    uint64_t length;

    if (image_read_only(image))
        return error_set(EROFS, "'%s' is open read-only", image->filename);
    if (size > INT64_MAX - 512 - start)
        return error_set(EFBIG, "The size %" PRIu64 " is too large", size);
    if (mode == PREALLOCATION_METADATA)
        return error_set(EINVAL, "Unsupported preallocation mode: metadata");
    if (store_truncate(store, size) == -1 || store_size(store, &length) == -1)
        return -1;
    if (round_up(length, 512) != round_up(size, 512)) /* ciphertext is in sectors */
        return error_set(ENOTSUP, "Cannot resize fixed-size raw disks");
    image->disk->size = round_up(size, 512);
    if (image->disk->size > old_size &&
        image_preallocate(image, image->disk->size - old_size, old_size, mode) == -1) {
        take_back_raw(image, old_size);
        return -1;
    }
    return store_flush(image->store);
}

static enum preallocation mode_of(uint32_t flags)
{
    return flags & QCOW2_RESIZE_FULL       ? PREALLOCATION_FULL
           : flags & QCOW2_RESIZE_FALLOC   ? PREALLOCATION_FALLOC
           : flags & QCOW2_RESIZE_METADATA ? PREALLOCATION_METADATA
                                           : PREALLOCATION_OFF;
}

int image_resize_locked(struct qcow2_image *image, uint64_t size, uint32_t flags)
{
    enum preallocation mode = mode_of(flags);

    if (image->disk == NULL)
        return error_set(EINVAL, "'%s' was opened for its metadata only", image->filename);
    if (size < image->disk->size && !(flags & QCOW2_RESIZE_SHRINK))
        return error_set(EINVAL,
                         "Shrinking '%s' from %" PRIu64 " to %" PRIu64
                         " bytes deletes data and must be asked for",
                         image->filename, image->disk->size, size);
    if (size < image->disk->size && mode != PREALLOCATION_OFF)
        return error_set(EINVAL, "Preallocation can't be used for shrinking an image");
    return (image->format == FORMAT_QCOW2 ? resize_qcow2 : resize_raw)(image, size, mode);
}

int image_resize(struct qcow2_image *image, uint64_t size, uint32_t flags)
{
    WRITE_SCOPE(&image->operations);

    return image_resize_locked(image, size, flags);
}
