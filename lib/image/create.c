/* SPDX-License-Identifier: BSD-3-Clause */
/* create.c - new images
 *
 * A new qcow2 image is made by the same engine that changes images later, so that the layout is
 * what the allocator gives: header, refcount table, first refcount block, L1 table.  The refcount
 * table has from the beginning the size that the file needs in the end: one that grows on the way
 * leaves holes behind, and the file becomes larger than measured.  The first sector is written
 * last: until that is durable, nobody takes the file for an image.  An empty image is made in
 * memory before: an image that cannot be must not cost the file that has its name now.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/header_encode.h"
#include "format/refcount_block.h"
#include "image/create_check.h"
#include "image/data_file.h"
#include "image/preallocate.h"
#include "image/size.h"
#include "store/luks_volume.h"
#include "store/memory.h"
#include "store/withheld.h"
#include "table/clusters.h"
#include "table/flush.h"

#define FILLING_L2_CACHE (UINT64_C(256) << 10) /* a table that is filled is not looked at again */

/* ------------------------------------------------------------------------------------------------
 * An empty image
 */

/* Header, refcount table, and the blocks that count these and themselves, of a disk of size 0. */
static int write_skeleton(struct store *store, const struct header *h)
{
    const struct geometry *g = &h->geometry;
    uint64_t per_block = UINT64_C(1) << g->refcount_block_bits;
    uint64_t first_block = 1 + h->refcount_table_clusters;
    uint64_t blocks = div_round_up(first_block, per_block - 1), end = first_block + blocks;
    CLEANUP_FREE uint8_t *clusters = calloc(end, g->cluster_size);
    struct header_used used;

    if (clusters == NULL)
        return error_no_memory(), -1;
    if (header_encode(h, &header_layout_new, clusters, &used) == -1)
        return -1;
    for (uint64_t i = 0; i < blocks; i++)
        store_be64(clusters + h->refcount_table_offset + i * REFCOUNT_TABLE_ENTRY_SIZE,
                   (first_block + i) << g->cluster_bits);
    for (uint64_t i = 0; i < end; i++)
        refcount_block_set(clusters + ((first_block + i / per_block) << g->cluster_bits),
                           g->refcount_order, i % per_block, 1);
    return store_pwrite(store, clusters, end << g->cluster_bits, 0);
}

/* The encryption header goes behind everything else; then the header learns of it. */
static int add_encryption(struct qcow2_image *image, const struct qcow2_create_options *o)
{
    struct tables *t = &image->tables;
    uint64_t length = luks_length(&o->luks.spec);
    CLEANUP_CLUSTERS struct clusters taken = { 0 };
    CLEANUP_FREE uint8_t *cluster = calloc(1, t->geometry.cluster_size);
    struct header_used used;
    struct luks_volume volume;
    struct header h;

    if (cluster == NULL)
        return error_no_memory(), -1;
    if (clusters_take(&taken, t, length) == -1 ||
        store_zero(image->store, round_up(length, t->geometry.cluster_size), taken.offset, true) ==
            -1 ||
        luks_volume_format(&volume, image->store, taken.offset, &o->luks, &o->secret) == -1 ||
        tables_settle(t) == -1)
        return -1;
    h = t->header;
    h.crypt_method = CRYPT_LUKS;
    h.crypto_offset = clusters_keep(&taken);
    h.crypto_length = length;
    if (header_encode(&h, &header_layout_new, cluster, &used) == -1)
        return -1;
    return store_pwrite(image->store, cluster, t->geometry.cluster_size, 0);
}

static uint64_t incompatible_features(const struct qcow2_create_options *o)
{
    return (o->compression.type != COMPRESSION_DEFLATE ? INCOMPATIBLE_COMPRESSION : 0) |
           (o->extended_l2 ? INCOMPATIBLE_EXTENDED_L2 : 0) |
           (o->data_file ? INCOMPATIBLE_DATA_FILE : 0);
}

/* An opened image of this size that holds nothing. */
static struct qcow2_image *make_empty(struct store *store, struct store *data,
                                      const struct qcow2_create_options *o)
{
    struct qcow2_open_options open = { .format = FORMAT_QCOW2,
                                       .data_store = data,
                                       .store_lent = true,
                                       .backing_policy = QCOW2_BACKING_IGNORE };
    uint32_t order = (uint32_t)__builtin_ctz(o->refcount_bits);
    struct header h = {
        .version = o->version,
        .refcount_table_offset = o->cluster_size,
        .refcount_table_clusters = image_refcount_table_clusters(o),
        .compatible_features = o->lazy_refcounts ? COMPATIBLE_LAZY_REFCOUNTS : 0,
        .incompatible_features = incompatible_features(o),
        .autoclear_features = o->data_file_raw ? AUTOCLEAR_RAW_DATA_FILE : 0,
        .compression_type = o->compression.type,
        .geometry = geometry_of((uint32_t)__builtin_ctzll(o->cluster_size), order, o->extended_l2),
        .backing_file = o->backing_file,
        .backing_format = o->backing_format,
        .data_file = o->data_file,
    };
    struct qcow2_image *image;

    if (create_check_options(o) == -1 || write_skeleton(store, &h) == -1)
        return NULL;
    image = image_open_store(store, &open);
    if (image == NULL)
        return NULL;
    cache_set_limit(&image->tables.l2_cache, FILLING_L2_CACHE);
    image->tables.encrypted = o->crypt_method != CRYPT_NONE;
    if (image_grow_data_file(image, 0, round_up(o->size, 512)) == 0 &&
        image_set_size(image, round_up(o->size, 512)) == 0)
        return image;
    image_close(image);
    return NULL;
}

/* A data file is made by itself, and its space with it. */
static int fill(struct qcow2_image *image, const struct qcow2_create_options *o)
{
    enum preallocation mode = o->data_file ? PREALLOCATION_METADATA : o->preallocation;

    if (image_maps_all(o) && image_preallocate(image, image->disk->size, 0, mode) == -1)
        return -1;
    return o->crypt_method == CRYPT_LUKS ? add_encryption(image, o) : 0;
}

enum how_much { ONLY_EMPTY, WHOLE };

static int format_store(struct store *store, const struct qcow2_create_options *o,
                        enum how_much how_much)
{
    struct store *data = NULL; /* stands in for the data file */
    struct qcow2_image *image;
    int r = -1;

    if (o->data_file != NULL) {
        data = store_memory_new(o->data_file);
        if (data == NULL)
            return -1;
    }
    image = make_empty(store, data, o);
    if (image != NULL) {
        r = how_much == WHOLE ? fill(image, o) : 0;
        if (image_close(image) == -1)
            r = -1;
    }
    store_close(data);
    return r;
}

int image_format_store(struct store *store, const struct qcow2_create_options *o)
{
    return format_store(store, o, WHOLE);
}

/* ------------------------------------------------------------------------------------------------
 * Into a file
 */

/* Can there be such an image? */
static int rehearse(const char *filename, const struct qcow2_create_options *o)
{
    struct store *memory = store_memory_new(filename);
    int r;

    if (memory == NULL)
        return -1;
    r = format_store(memory, o, ONLY_EMPTY);
    store_close(memory);
    return r;
}

static int make_image(struct store *file, const struct qcow2_create_options *o)
{
    struct store *withheld = store_withheld_new(file);
    int r;

    if (withheld == NULL)
        return -1;
    r = image_format_store(withheld, o);
    if (r == 0)
        r = store_withheld_finish(withheld);
    store_close(withheld);
    return r;
}

/* What is there on an NBD server is written over, as on a device. */
static struct store *open_new(const char *filename, const struct qcow2_create_options *options,
                              enum store_sharing sharing)
{
    bool on_server = (options->flags & QCOW2_CREATE_NBD) != 0;

    return store_open(filename, on_server ? STORE_NBD : STORE_CREATE | STORE_KEEP, sharing);
}

/* A file that was not filled is not left behind, unless it still holds what it held before. */
static int close_new(struct store *file, int result)
{
    if (file != NULL && result == -1)
        store_file_take_away(file);
    store_close(file);
    return result;
}

/* A device may hold anything. */
static int make_data_file(struct store *data, const struct qcow2_create_options *options)
{
    uint64_t size = round_up(options->size, 512), length;
    int r = -1;

    if (store_file_empty(data, size) == 0 && store_size(data, &length) == 0 &&
        store_truncate(data, size) == 0)
        r = 0;
    if (r == 0 && options->data_file_raw && length > 0)
        r = store_zero(data, min_u64(length, size), 0, true);
    if (r == 0 && size > 0)
        r = preallocate_store(data, size, 0, options->preallocation);
    return r == 0 ? store_flush(data) : -1;
}

static int fill_files(struct store *file, struct store *data,
                      const struct qcow2_create_options *options)
{
    if (data != NULL && make_data_file(data, options) == -1)
        return -1;
    return store_file_empty(file, 0) == 0 ? make_image(file, options) : -1;
}

/* The locks of both files are there before one of them loses what it held. */
static int create_qcow2(const char *filename, const struct qcow2_create_options *options)
{
    struct store *file, *data = NULL;
    int r = -1;

    if (rehearse(filename, options) == -1 || image_check_new_data_file(filename, options) == -1)
        return -1;
    file = open_new(filename, options, STORE_LOCK_WRITER);
    if (file == NULL)
        return -1;
    if (options->data_file)
        data =
            store_file_open(options->data_file, STORE_CREATE | STORE_KEEP, STORE_LOCK_DATA_WRITER);
    if (data != NULL || !options->data_file)
        r = fill_files(file, data, options);
    close_new(data, r);
    return close_new(file, r);
}

/* A raw image, or a LUKS volume: a header before it. */
static int create_raw(const char *filename, const struct qcow2_create_options *options)
{
    bool luks = options->format == FORMAT_LUKS;
    uint64_t start = luks ? luks_length(&options->luks.spec) : 0, length;
    struct luks_volume volume;
    struct store *file;
    int r;

    if (options->size > INT64_MAX - 512 - start)
        return error_set(EFBIG, "The image size is too large");
    length = start + round_up(options->size, 512);
    file = open_new(filename, options, STORE_LOCK_RAW_WRITER);
    if (file == NULL)
        return -1;
    r = store_file_empty(file, length);
    if (r == 0)
        r = store_truncate(file, length);
    if (r == 0 && options->size > 0)
        r = preallocate_store(file, round_up(options->size, 512), start, options->preallocation);
    if (r == 0 && luks)
        r = luks_volume_format(&volume, file, 0, &options->luks, &options->secret);
    if (r == 0)
        r = store_flush(file);
    return close_new(file, r);
}

int image_create(const char *filename, const struct qcow2_create_options *options)
{
    if (create_check_options(options) == -1)
        return -1;
    return (options->format == FORMAT_QCOW2 ? create_qcow2 : create_raw)(filename, options);
}
