/* SPDX-License-Identifier: BSD-3-Clause */
/* open.c - opening and closing an image
 *
 * The order: the file (and its locks), the first cluster, which is read once and validated whole,
 * what the features allow, the snapshot table, the tables, the backing chain, the bitmaps.  Only
 * then, if the image is to be written, the first byte changes on disk: autoclear bits that nobody
 * here knows, and bitmaps that are out of date.  A dirty image is opened twice: when nothing speaks
 * against it, it is closed, repaired, and opened as it is then.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "guest/guest.h"
#include "guest/raw.h"
#include "image/data_file.h"
#include "image/encryption.h"
#include "image/storage.h"
#include "image/vm_state.h"
#include "table/flush.h"
#include "table/l1.h"

#define FIRST_READ 65536u /* the first cluster of most images */

int image_require_writable_qcow2(struct qcow2_image *image, const char *operation)
{
    if (image->format != FORMAT_QCOW2)
        return error_set(ENOTSUP, "%s is not possible: '%s' is a %s image", operation,
                         image->filename, image_format_name(image->format));
    if (image_read_only(image))
        return error_set(EROFS, "%s is not possible: '%s' is open read-only", operation,
                         image->filename);
    if (image->disk == NULL)
        return error_set(EINVAL, "%s is not possible: '%s' was opened for its metadata only",
                         operation, image->filename);
    return tables_usable(&image->tables);
}

/* ------------------------------------------------------------------------------------------------
 * The header
 */

static uint32_t header_flags(uint32_t flags)
{
    return (flags & QCOW2_OPEN_CHECK ? HEADER_FOR_CHECK : 0) |
           (flags & QCOW2_OPEN_READ_ONLY ? HEADER_FOR_READING : 0);
}

/* The first cluster, each byte read once. */
static uint8_t *read_first_cluster(struct store *store)
{
    CLEANUP_FREE uint8_t *start = malloc(FIRST_READ);
    uint8_t *cluster;
    int bits;

    if (start == NULL)
        return error_no_memory();
    if (store_pread(store, start, FIRST_READ, 0) == -1)
        return NULL;
    bits = header_decode_cluster_bits(start);
    if (bits == -1)
        return image_could_not_open(store->name), NULL;
    cluster = realloc(start, 1u << bits);
    if (cluster == NULL)
        return error_no_memory();
    start = cluster;
    if (1u << bits > FIRST_READ &&
        store_pread(store, start + FIRST_READ, (1u << bits) - FIRST_READ, FIRST_READ) == -1)
        return NULL;
    return RELEASE(start);
}

static int read_header(struct store *store, uint32_t flags, struct header *header)
{
    CLEANUP_FREE uint8_t *cluster = read_first_cluster(store);
    uint64_t length;

    if (cluster == NULL || store_size(store, &length) == -1)
        return -1;
    if (header_decode(cluster, length, header_flags(flags), header) == -1)
        return image_could_not_open(store->name);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Features
 */

static int refuse(const struct store *store, int errnum, const char *why)
{
    return error_set(errnum, "Could not open '%s': %s", store->name, why);
}

/* What stands in the way of writing. */
static int check_writable(const struct store *store, const struct header *h, uint32_t flags)
{
    if (flags & (QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_CHECK))
        return 0;
    if (h->incompatible_features & INCOMPATIBLE_CORRUPT)
        return refuse(store, EACCES,
                      "qcow2: Image is corrupt; cannot be opened read/write ('qcow-img check -r "
                      "all' repairs what can be repaired)");
    if (h->autoclear_features & AUTOCLEAR_BITMAPS && !h->has_bitmaps)
        return refuse(store, EINVAL,
                      "The image claims to have bitmaps but has no bitmaps "
                      "extension; it can only be opened read-only");
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Opening
 */

/* Everything that can speak against opening the image; nothing is written. */
static int open_parts(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    struct tables *t = &image->tables;
    struct header header;

    if (read_header(image->store, image->flags, &header) == -1)
        return -1;
    if (check_writable(image->store, &header, image->flags) == -1 ||
        tables_open(t, image->store, &header,
                    image->flags & (QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO)) == -1) {
        header_destroy(&header);
        return -1;
    }
    image->tables_open = true;
    if (image_set_runtime(image, options) == -1)
        return image_could_not_open(image->filename);
    if (image_open_data_file(image, options) == -1)
        return -1;
    if (image_load_snapshots(image) == -1) {
        if (!(image->flags & QCOW2_OPEN_CHECK))
            return -1;
    } else if (!t->read_only && image_map_snapshots(image) == -1) {
        return -1;
    }
    if (encryption_load_qcow2(image, options) == -1)
        return -1;
    if (image->flags & QCOW2_OPEN_NO_IO)
        return image_open_backing(image, options);
    if (l1_check_room(t) == -1)
        return image_could_not_open(image->filename);
    image->disk = guest_disk_new(t, &options->compression);
    if (image->disk == NULL)
        return image_could_not_open(image->filename);
    if (encryption_unlock_qcow2(image, options) == -1 || image_vm_state_open(image) == -1)
        return -1;
    if (options->snapshot != NULL && image_show_snapshot(image, options->snapshot) == -1)
        return -1;
    if (image_open_backing(image, options) == -1)
        return -1;
    if (t->read_only)
        return 0;
    return bitmaps_load(image, true) == -1 ? -1 : image_map_bitmaps(image);
}

/* What open_parts opened.  It may have come to an end anywhere. */
static int close_parts(struct qcow2_image *image)
{
    int r = 0;

    disk_close(image->disk);
    disk_close(image->vm_state);
    if (image->tables_open)
        tables_close(&image->tables);
    snapshot_table_destroy(&image->snapshots);
    free(image->snapshots_lost);
    if (image->backing)
        r = image_close(image->backing);
    store_close(image->crypt);
    encryption_close(image);
    if (!image->data_store_lent)
        store_close(image->data_store);
    bitmaps_destroy(&image->bitmaps);
    free(image->full_backing_file);
    image->disk = image->vm_state = NULL;
    image->tables_open = image->data_store_lent = false;
    image->snapshots = (struct snapshot_table){ 0 };
    image->snapshots_lost = NULL;
    image->backing = NULL;
    image->crypt = image->data_store = NULL;
    image->luks = NULL;
    image->full_backing_file = NULL;
    bitmaps_init(&image->bitmaps);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * The first changes
 */

static bool must_repair(const struct qcow2_image *image)
{
    const struct tables *t = &image->tables;

    return !t->read_only && t->header.incompatible_features & INCOMPATIBLE_DIRTY;
}

/* The refcounts of a dirty image may be wrong. */
static int repair_dirty(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    struct header header;
    int r;

    if (options->repair_dirty == NULL)
        return refuse(image->store, ENOTSUP,
                      "The image is marked dirty, its refcounts may be wrong; 'qcow-img check -r "
                      "all' repairs them");
    if (read_header(image->store, image->flags, &header) == -1)
        return -1;
    r = options->repair_dirty(image->store, &header);
    header_destroy(&header);
    if (r == -1)
        return error_prefix("Could not open '%s': Could not repair dirty image: ",
                            image->store->name);
    return close_parts(image) == -1 ? -1 : open_parts(image, options);
}

/* Bits that say "something here is up to date" for a feature nobody here maintains. */
static int clear_unknown_autoclear(struct qcow2_image *image)
{
    struct header *h = &image->tables.header;
    uint8_t bytes[8];

    if (!(h->autoclear_features & ~AUTOCLEAR_KNOWN))
        return 0;
    h->autoclear_features &= AUTOCLEAR_KNOWN;
    store_be64(bytes, h->autoclear_features);
    return tables_write_header(&image->tables, HEADER_AUTOCLEAR_AT, bytes, sizeof bytes);
}

static int open_qcow2(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    if (open_parts(image, options) == -1 ||
        (must_repair(image) && repair_dirty(image, options) == -1))
        return -1;
    if (image->tables.read_only)
        return 0;
    return clear_unknown_autoclear(image) == -1 ? -1 : bitmaps_drop_stale(image);
}

/* ------------------------------------------------------------------------------------------------
 * Opening in every format
 */

static int open_raw(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    if (options->snapshot != NULL)
        return error_set(ENOTSUP, "Could not open '%s': raw images have no internal snapshots",
                         image->filename);
    if (options->backing_file != NULL)
        return error_set(ENOTSUP, "Could not open '%s': raw images have no backing files",
                         image->filename);
    image->disk = raw_disk_new(image->store);
    return image->disk ? 0 : -1;
}

typedef int opener(struct qcow2_image *image, const struct qcow2_open_options *options);

static opener *const openers[] = {
    [FORMAT_QCOW2] = open_qcow2,
    [FORMAT_RAW] = open_raw,
    [FORMAT_QCOW1] = image_open_qcow1,
    [FORMAT_LUKS] = encryption_open_luks,
};

struct qcow2_image *image_open_store(struct store *store, const struct qcow2_open_options *options)
{
    struct qcow2_image *image = calloc(1, sizeof *image);
    pthread_rwlockattr_t attr;

    if (image == NULL) {
        if (!options->store_lent)
            store_close(store);
        return error_no_memory();
    }
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&image->operations, &attr);
    pthread_rwlockattr_destroy(&attr);
    told_init(&image->told);
    bitmaps_init(&image->bitmaps);
    image->store = store;
    image->store_lent = options->store_lent;
    image->format = options->format;
    image->flags = options->flags;
    image->overlay = options->overlay;
    image->filename = strdup(store->name);
    image->name = options->name ? strdup(options->name) : NULL;
    if (image->filename == NULL || (options->name && image->name == NULL))
        error_no_memory();
    else if (openers[image->format](image, options) == 0)
        return image;
    image->flags |= QCOW2_OPEN_READ_ONLY; /* nothing was changed: closing must not write */
    struct error error;
    error_save(&error);
    image_close(image);
    error_restore(&error);
    return NULL;
}

static enum store_sharing sharing_of(const struct qcow2_open_options *options)
{
    bool raw = options->format != FORMAT_QCOW2;

    if (options->flags & QCOW2_OPEN_NO_LOCK)
        return STORE_LOCK_NONE;
    if (options->flags & QCOW2_OPEN_FORCE_SHARE)
        return STORE_LOCK_FORCE_SHARE;
    if (options->flags & QCOW2_OPEN_READ_ONLY)
        return raw && !(options->flags & QCOW2_OPEN_NO_WRITERS) ? STORE_LOCK_RAW_READER
                                                                : STORE_LOCK_READER;
    return raw ? STORE_LOCK_RAW_WRITER : STORE_LOCK_WRITER;
}

struct qcow2_image *image_open(const char *filename, const struct qcow2_open_options *options)
{
    struct store *store = storage_open(filename, options, sharing_of(options));

    return store ? image_open_store(store, options) : NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Closing
 */

/* The L2 entry of a compressed cluster speaks of whole sectors: the last one must be there. */
static int complete_last_sector(struct tables *t)
{
    uint64_t length;

    if (!t->streams_written)
        return 0;
    if (store_size(t->store, &length) == -1)
        return -1;
    if (is_aligned(length, COMPRESSED_SECTOR))
        return 0;
    if (store_truncate(t->store, round_up(length, COMPRESSED_SECTOR)) == -1)
        return -1;
    return store_flush(t->store);
}

/* Everything that is only in memory becomes durable; guest data also when bitmaps find no room. */
static int settle(struct qcow2_image *image)
{
    int r = bitmaps_settle(image);

    if (tables_settle(&image->tables) == -1 || complete_last_sector(&image->tables) == -1 ||
        tables_mark_clean(&image->tables) == -1)
        return -1;
    return r;
}

int image_close(struct qcow2_image *image)
{
    bool writable = !image_read_only(image);
    int r = 0;

    if (writable && image->tables_open && image->disk)
        r = settle(image);
    else if (writable && image->disk)
        r = image->disk->ops->flush(image->disk);
    if (close_parts(image) == -1)
        r = -1;
    if (!image->store_lent)
        store_close(image->store);
    bitmaps_destroy(&image->bitmaps);
    pthread_rwlock_destroy(&image->operations);
    told_destroy(&image->told);
    free(image->qcow1_backing_file);
    free(image->filename);
    free(image->name);
    free(image);
    return r;
}
