/* SPDX-License-Identifier: BSD-3-Clause */
/* create.c - new images
 *
 * A new qcow2 image is made in memory first, by the same engine that changes images later, so that
 * the layout is what the allocator gives: header, refcount table, first refcount block, L1 table.
 * Then it is copied to the file, its first sector last: until that is durable, nobody takes the file
 * for an image.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "format/header_encode.h"
#include "format/refcount_block.h"
#include "image/image.h"
#include "image/preallocate.h"
#include "image/size.h"
#include "store/memory.h"
#include "table/flush.h"

#define COPY_PIECE (UINT64_C(1) << 20)

/* ------------------------------------------------------------------------------------------------
 * What can be created
 */

static int check_options(const struct qcow2_create_options *o)
{
    struct geometry g = geometry_of((uint32_t)__builtin_ctzll(o->cluster_size), 4, o->extended_l2);

    if (o->format == FORMAT_RAW && o->preallocation == PREALLOCATION_METADATA)
        return error_set(EINVAL, "Unsupported preallocation mode 'metadata'");
    if (o->format == FORMAT_RAW)
        return o->backing_file ? error_set(ENOTSUP, "Backing file not supported for file format "
                                                    "'raw'")
                               : 0;
    if (o->version < 3 && o->refcount_bits != 16)
        return error_set(EINVAL, "Different refcount widths than 16 bits require compatibility "
                                 "level 1.1 or above (use version=v3 or greater)");
    if (o->version < 3 && o->lazy_refcounts)
        return error_set(EINVAL, "Lazy refcounts only supported with compatibility level 1.1 and "
                                 "above (use version=v3 or greater)");
    if (o->version < 3 && o->compression.type != COMPRESSION_DEFLATE)
        return error_set(EINVAL, "Non-zlib compression type is only supported with compatibility "
                                 "level 1.1 and above (use version=v3 or greater)");
    if (o->version < 3 && o->extended_l2)
        return error_set(EINVAL, "Extended L2 entries are only supported with compatibility level "
                                 "1.1 and above (use version=v3 or greater)");
    if (o->extended_l2 && g.cluster_bits < MIN_EXTENDED_L2_CLUSTER_BITS)
        return error_set(EINVAL,
                         "Extended L2 entries are only supported with cluster sizes of at "
                         "least %u bytes",
                         1u << MIN_EXTENDED_L2_CLUSTER_BITS);
    if (o->backing_file && o->preallocation != PREALLOCATION_OFF && !o->extended_l2)
        return error_set(EINVAL, "Backing file and preallocation can only be used at the same time "
                                 "if extended_l2 is enabled");
    if (compression_check(&o->compression) == -1)
        return -1;
    if (o->backing_format && !o->backing_file)
        return error_set(EINVAL, "Backing format cannot be used without backing file");
    if (o->size > INT64_MAX - 512 ||
        geometry_l1_entries(&g, round_up(o->size, 512)) * L1_ENTRY_SIZE > MAX_L1_BYTES)
        return error_set(EFBIG, "The image size is too large for file format 'qcow2' (try using a "
                                "larger cluster size)");
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * An empty image
 */

/* Header, refcount table and first block, one cluster each, of a disk of size 0. */
static int write_skeleton(struct store *store, const struct header *h)
{
    uint64_t size = h->geometry.cluster_size;
    CLEANUP_FREE uint8_t *clusters = calloc(3, size);
    struct header_used used;

    if (clusters == NULL)
        return error_no_memory(), -1;
    if (header_encode(h, &header_layout_new, clusters, &used) == -1)
        return -1;
    store_be64(clusters + size, 2 * size);
    for (uint64_t i = 0; i < 3; i++)
        refcount_block_set(clusters + 2 * size, h->geometry.refcount_order, i, 1);
    return store_pwrite(store, clusters, 3 * size, 0);
}

int image_format_store(struct store *store, const struct qcow2_create_options *o)
{
    struct qcow2_open_options open = { .format = FORMAT_QCOW2,
                                       .backing_policy = QCOW2_BACKING_IGNORE };
    uint32_t order = (uint32_t)__builtin_ctz(o->refcount_bits);
    struct header h = {
        .version = o->version,
        .refcount_table_offset = o->cluster_size,
        .refcount_table_clusters = 1,
        .compatible_features = o->lazy_refcounts ? COMPATIBLE_LAZY_REFCOUNTS : 0,
        .incompatible_features =
            (o->compression.type != COMPRESSION_DEFLATE ? INCOMPATIBLE_COMPRESSION : 0) |
            (o->extended_l2 ? INCOMPATIBLE_EXTENDED_L2 : 0),
        .compression_type = o->compression.type,
        .geometry = geometry_of((uint32_t)__builtin_ctzll(o->cluster_size), order, o->extended_l2),
        .backing_file = o->backing_file,
        .backing_format = o->backing_format,
    };
    struct qcow2_image *image;
    int r;

    if (check_options(o) == -1 || write_skeleton(store, &h) == -1)
        return -1;
    image = image_open_store(store, &open);
    if (image == NULL)
        return -1;
    r = image_set_size(image, round_up(o->size, 512));
    if (r == 0 && o->preallocation != PREALLOCATION_OFF)
        r = image_preallocate(image, image->disk->size, 0, PREALLOCATION_METADATA);
    image->store = NULL; /* it stays the caller's */
    return image_close(image) == -1 ? -1 : r;
}

/* ------------------------------------------------------------------------------------------------
 * Into a file
 */

/* Copy what from holds beyond the first sector; to is empty or a device.  The holes are unwritten
 * clusters. */
static int copy_rest(struct store *to, struct store *from, uint64_t length, enum preallocation mode)
{
    CLEANUP_FREE uint8_t *piece = malloc(COPY_PIECE);
    uint64_t old_length, new_length;

    if (piece == NULL)
        return error_no_memory(), -1;
    if (store_size(to, &old_length) == -1)
        return -1;
    for (uint64_t at = HEADER_SECTOR; at < length;) {
        struct store_extent extent;
        uint64_t n;

        if (store_extent_at(from, length - at, at, &extent) == -1)
            return -1;
        n = min_u64(extent.length, extent.hole ? length - at : COPY_PIECE);
        if (extent.hole) {
            if (at < old_length && store_zero(to, n, at, true) == -1)
                return -1;
            if (preallocate_store(to, n, at, mode) == -1)
                return -1;
        } else if (store_pread(from, piece, n, at) == -1 || store_pwrite(to, piece, n, at) == -1) {
            return -1;
        }
        at += n;
    }
    if (store_size(to, &new_length) == -1)
        return -1;
    return new_length < length ? store_truncate(to, length) : 0;
}

static int copy_image(struct store *to, struct store *from, enum preallocation mode)
{
    uint8_t sector[HEADER_SECTOR], none[HEADER_SECTOR] = { 0 };
    uint64_t length;

    if (store_size(from, &length) == -1 || store_pread(from, sector, sizeof sector, 0) == -1)
        return -1;
    if (store_pwrite(to, none, sizeof none, 0) == -1 || copy_rest(to, from, length, mode) == -1 ||
        store_flush(to) == -1)
        return -1;
    return store_pwrite(to, sector, sizeof sector, 0) == -1 ? -1 : store_flush(to);
}

/* A file that was not filled is not left behind; a device stays. */
static void remove_failed(const char *filename)
{
    struct stat st;

    if (lstat(filename, &st) == 0 && S_ISREG(st.st_mode))
        unlink(filename);
}

static int create_qcow2(const char *filename, const struct qcow2_create_options *options)
{
    struct store *memory = store_memory_new(filename), *file = NULL;
    int r = -1;

    if (memory == NULL)
        return -1;
    if (image_format_store(memory, options) == 0)
        file = store_file_open(filename, STORE_CREATE, STORE_LOCK_WRITER);
    if (file != NULL) {
        r = copy_image(file, memory, options->preallocation);
        store_close(file);
        if (r == -1)
            remove_failed(filename);
    }
    store_close(memory);
    return r;
}

static int create_raw(const char *filename, const struct qcow2_create_options *options)
{
    struct store *file;
    int r;

    if (options->size > INT64_MAX - 512)
        return error_set(EFBIG, "The image size is too large");
    file = store_file_open(filename, STORE_CREATE, STORE_LOCK_RAW_WRITER);
    if (file == NULL)
        return -1;
    r = store_truncate(file, round_up(options->size, 512));
    if (r == 0 && options->size > 0)
        r = preallocate_store(file, round_up(options->size, 512), 0, options->preallocation);
    if (r == 0)
        r = store_flush(file);
    store_close(file);
    if (r == -1)
        remove_failed(filename);
    return r;
}

int image_create(const char *filename, const struct qcow2_create_options *options)
{
    if (check_options(options) == -1)
        return -1;
    return options->format == FORMAT_RAW ? create_raw(filename, options)
                                         : create_qcow2(filename, options);
}
