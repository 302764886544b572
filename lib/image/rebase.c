/* SPDX-License-Identifier: BSD-3-Clause */
/* rebase.c - another backing file for an existing image
 *
 * What the image does not hold is compared in the old backing file and in the new one; where they
 * differ the image gets what the old one has.  Then, and when all of that is durable, one write of
 * the header (table/header_update.c) names the new file.  Before it the old file shows through,
 * after it the new one, and the guest sees the same all the time.
 *
 * Nothing is read where metadata tell that both read as zeroes, or, if the new file is one of the
 * old chain, that no layer above it holds anything.
 *
 * Internal snapshots are not looked at: what they do not hold comes from the new file afterwards.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "guest/layers.h"
#include "image/named.h"
#include "image/progress.h"
#include "image/uses.h"
#include "table/flush.h"
#include "table/header_update.h"

#define PIECE (UINT64_C(2) << 20) /* bytes compared at a time */

struct rebase {
    struct disk *disk;
    struct disk *old; /* backing disks; NULL: none */
    struct disk *new;
    const struct disk *common; /* the member of the old chain that new is; NULL: none */
    bool marks_zeroes;         /* the image can hold zeroes without data */
    uint8_t *old_bytes, *new_bytes;
    struct progress progress; /* in bytes of the disk */
};

/* ------------------------------------------------------------------------------------------------
 * Comparing
 */

static int read_disk(struct disk *disk, void *buf, size_t count, uint64_t offset)
{
    uint64_t end = disk ? disk->size : 0;
    size_t inside = offset < end ? (size_t)min_u64(count, end - offset) : 0;

    if (inside > 0 && disk_read(disk, buf, inside, offset) == -1)
        return -1;
    memset((uint8_t *)buf + inside, 0, count - inside);
    return 0;
}

/* How many bytes, in sectors, are all the same in both or all of sectors that differ. */
static uint64_t run_of(const struct rebase *r, uint64_t at, uint64_t count, bool *differ)
{
    uint64_t end = at;

    *differ = memcmp(r->old_bytes + at, r->new_bytes + at, min_u64(512, count - at)) != 0;
    do
        end = min_u64(end + 512, count);
    while (end < count && (memcmp(r->old_bytes + end, r->new_bytes + end,
                                  min_u64(512, count - end)) != 0) == *differ);
    return end - at;
}

/* Keep what the old backing disk has and the new one has not.  Version 2 takes zeroes as data: as
 * long as there is no backing file, what it does not hold counts as zero, which will not be so for
 * long. */
static int keep_differences(struct rebase *r, uint64_t count, uint64_t offset)
{
    bool beyond = r->old == NULL || offset >= r->old->size; /* where all is zeroes */

    for (uint64_t at = 0, n; at < count; at += n) {
        bool differ;
        int result = 0;

        n = run_of(r, at, count, &differ);
        if (differ && beyond && r->marks_zeroes)
            result = r->disk->ops->zero(r->disk, n, offset + at, 0);
        else if (differ)
            result = r->disk->ops->write(r->disk, r->old_bytes + at, n, offset + at);
        if (result == -1)
            return -1;
    }
    return 0;
}

static int compare(struct rebase *r, uint64_t count, uint64_t offset)
{
    if (read_disk(r->old, r->old_bytes, count, offset) == -1 ||
        read_disk(r->new, r->new_bytes, count, offset) == -1)
        return -1;
    return keep_differences(r, count, offset);
}

/* ------------------------------------------------------------------------------------------------
 * What need not be compared
 */

/* Does the range, or how much of it, read as zeroes?  1 or 0, -1 on errors. */
static int is_zero(struct disk *disk, uint64_t *count, uint64_t offset)
{
    int held = layers_look(disk, NULL, *count, offset, count);

    return held == -1 ? -1 : held != LAYERS_DATA;
}

/* Is it known that the range, or how much of it, is the same in both?  1 or 0, -1 on errors. */
static int is_same(struct rebase *r, uint64_t *count, uint64_t offset)
{
    uint64_t length = *count;
    int known;

    if (r->common != NULL) {
        int held = layers_look(r->old, r->common, length, offset, &length);

        if (held == -1 || held == LAYERS_NOTHING) {
            *count = length;
            return held == -1 ? -1 : 1;
        }
    }
    known = is_zero(r->old, count, offset);
    return known == 1 ? is_zero(r->new, count, offset) : known;
}

/* A range that the image does not hold. */
static int rebase_range(struct rebase *r, uint64_t count, uint64_t offset)
{
    for (uint64_t end = offset + count, n; offset < end; offset += n) {
        int same;

        n = end - offset;
        if (r->old != NULL && offset < r->old->size)
            n = min_u64(n, r->old->size - offset);
        same = is_same(r, &n, offset);
        if (same == -1)
            return -1;
        if (same == 0) {
            n = min_u64(n, PIECE);
            if (compare(r, n, offset) == -1)
                return -1;
        }
        if (progress_add(&r->progress, n) == -1)
            return -1;
    }
    return 0;
}

static int rebase_disk(struct rebase *r)
{
    for (uint64_t offset = 0, n; offset < r->disk->size; offset += n) {
        int held = layers_look(r->disk, r->old, r->disk->size - offset, offset, &n);
        int result = held == -1               ? -1
                     : held == LAYERS_NOTHING ? rebase_range(r, n, offset)
                                              : progress_add(&r->progress, n);

        if (result == -1)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The image
 */

/* Are they in the same bytes of the same file? */
static bool same_place(struct store *a, struct store *b)
{
    uint64_t a_offset, b_offset, a_size, b_size;

    if (!store_same_file(a, b))
        return false;
    store_bottom(a, &a_offset);
    store_bottom(b, &b_offset);
    return a_offset == b_offset && a_offset != STORE_SCATTERED && store_size(a, &a_size) == 0 &&
           store_size(b, &b_size) == 0 && a_size == b_size;
}

static bool same_data(struct store *a, struct store *b)
{
    return a == b || (a && b && same_place(a, b));
}

/* Do they show the same disk, whatever was said of them when they were opened?  (One may show a
 * snapshot, or have another backing file than the one that is recorded.) */
static bool same_disk(const struct qcow2_image *a, const struct qcow2_image *b)
{
    for (; a && b; a = a->backing, b = b->backing)
        if (!same_place(a->store, b->store) || a->format != b->format ||
            !same_data(a->data_store, b->data_store) ||
            a->tables.l1_table_offset != b->tables.l1_table_offset)
            return false;
    return a == b;
}

/* The disk of the old chain that the new backing file shows. */
static const struct disk *find_common(const struct qcow2_image *image,
                                      const struct qcow2_image *new_backing)
{
    for (const struct qcow2_image *i = image->backing; i && new_backing; i = i->backing)
        if (same_disk(i, new_backing))
            return i->disk;
    return NULL;
}

static int keep_content(struct qcow2_image *image, struct qcow2_image *new_backing,
                        qcow2_progress_callback *progress, void *opaque)
{
    CLEANUP_FREE uint8_t *old_bytes = malloc(PIECE), *new_bytes = malloc(PIECE);
    struct rebase r = {
        .disk = image->disk,
        .old = image->disk->backing,
        .new = new_backing ? new_backing->disk : NULL,
        .common = find_common(image, new_backing),
        .marks_zeroes = image->tables.header.version >= 3,
        .old_bytes = old_bytes,
        .new_bytes = new_bytes,
        .progress = { progress, opaque, 0, image->disk->size },
    };

    if (old_bytes == NULL || new_bytes == NULL)
        return error_no_memory(), -1;
    return rebase_disk(&r);
}

/* The instant. */
static int change_names(struct qcow2_image *image, const char *backing_file,
                        const char *backing_format)
{
    struct header header = { 0 };
    char *full = NULL;
    int r = -1;

    if (backing_file && (full = named_resolve(image, backing_file)) == NULL)
        return -1;
    if (header_copy(&header, &image->tables.header) == 0 &&
        text_replace(&header.backing_file, backing_file) == 0 &&
        text_replace(&header.backing_format, backing_format) == 0)
        r = header_update(&image->tables, &header);
    header_destroy(&header);
    if (r == 0) {
        free(image->full_backing_file);
        image->full_backing_file = RELEASE(full);
    }
    free(full);
    return r;
}

static int check_names(const struct qcow2_image *image, const char *backing_file,
                       const char *backing_format, uint32_t flags)
{
    if (backing_file == NULL)
        return 0;
    if (backing_format == NULL)
        return error_set(EINVAL, "backing format must be specified");
    if (strlen(backing_file) > MAX_BACKING_FILE_SIZE)
        return error_set(EINVAL, "The backing file name is too long (at most %u bytes)",
                         MAX_BACKING_FILE_SIZE);
    if (strlen(backing_format) > MAX_BACKING_FORMAT_SIZE)
        return error_set(EINVAL, "The backing format is too long (at most %u bytes)",
                         MAX_BACKING_FORMAT_SIZE);
    if (image->tables.header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE)
        return error_set(EINVAL, "'%s' has a raw data file, which a backing file would contradict",
                         image->filename);
    if (!(flags & QCOW2_REBASE_UNSAFE) && !named_is_file(backing_file) &&
        !named_is_nbd(backing_file))
        return error_set(ENOTSUP,
                         "'%s' is not a plain file name: recorded in an image it would "
                         "not be opened",
                         backing_file);
    return 0;
}

int image_rebase(struct qcow2_image *image, const char *backing_file, const char *backing_format,
                 struct qcow2_image *new_backing, uint32_t flags, qcow2_progress_callback *progress,
                 void *opaque)
{
    const char *file = backing_file && *backing_file ? backing_file : NULL;
    bool unsafe = flags & QCOW2_REBASE_UNSAFE;
    /* With no lock held: it takes those of both, one after the other. */
    bool is_loop = new_backing && image_uses_file_of(new_backing, image);
    WRITE_SCOPE(&image->operations);

    if (image_require_writable_qcow2(image, "Rebasing") == -1 ||
        check_names(image, file, backing_format, flags) == -1)
        return -1;
    if (!unsafe && image->disk->backing_missing)
        return error_set(EINVAL, "Rebasing '%s' needs its backing file, which was not opened",
                         image->filename);
    if (!unsafe && file && (new_backing == NULL || new_backing->disk == NULL))
        return error_set(EINVAL, "Rebasing '%s' needs the new backing file", image->filename);
    if (is_loop)
        return error_set(ELOOP, "'%s' is read from the file of '%s' itself", file, image->filename);
    if (!unsafe && keep_content(image, file ? new_backing : NULL, progress, opaque) == -1)
        return -1;
    if (tables_flush(&image->tables) == -1 ||
        change_names(image, file, file ? backing_format : NULL) == -1)
        return -1;
    if (progress)
        progress(opaque, image->disk->size, image->disk->size);
    return 0;
}
