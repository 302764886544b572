/* SPDX-License-Identifier: BSD-3-Clause */
/* api.c - the edge: what qcow2.h promises, in terms of the rooms below
 *
 * Each function checks what only a caller can get wrong (NULL, flags that it does not know), then
 * calls the room that does the work.  The options objects are in the files beside this one.
 */

#include "qcow2.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/check.h"
#include "crypto/libcrypto.h"
#include "guest/compressor.h"
#include "image/image.h"
#include "image/uses.h"
#include "image/vm_state.h"
#include "table/flush.h"

static int null_argument(const char *function)
{
    return error_set(EFAULT, "%s: an argument is NULL", function);
}

#define REQUIRE(condition, result)                    \
    do {                                              \
        if (!(condition))                             \
            return null_argument(__func__), (result); \
    } while (0)

static int unknown_flags(const char *function, uint32_t flags)
{
    return error_set(EINVAL, "%s: unknown flags 0x%" PRIx32, function, flags);
}

/* A program that was built for a later library must not get less than it asks for. */
#define REQUIRE_FLAGS(flags, known)                                       \
    do {                                                                  \
        if ((flags) & ~(uint32_t)(known))                                 \
            return unknown_flags(__func__, (flags) & ~(uint32_t)(known)); \
    } while (0)

const char *qcow2_get_error(void)
{
    return error_message();
}

int qcow2_get_errno(void)
{
    return error_errno();
}

const char *qcow2_get_version(void)
{
    return PACKAGE_VERSION;
}

int qcow2_load_libraries(void)
{
    int compression = compressor_load_library();

    return libcrypto_load() == -1 ? -1 : compression;
}

/* ---- Images ---- */

/* What cannot be repaired but a refcount is left to be found, as in an image that is not dirty. */
static int repair_dirty(struct store *store, struct header *header)
{
    qcow2_check_result result;

    if (check_repair(store, header, true, NULL, NULL, &result) == -1)
        return -1;
    if (header->incompatible_features & INCOMPATIBLE_DIRTY)
        return error_set(EIO, "its refcounts cannot be made right; 'qcow-img check' tells why");
    return 0;
}

qcow2_image *qcow2_open(const char *filename, const qcow2_open_options *options)
{
    struct qcow2_open_options with_repair = { 0 };

    REQUIRE(filename, NULL);
    if (options)
        with_repair = *options;
    with_repair.repair_dirty = repair_dirty;
    return image_open(filename, &with_repair);
}

int qcow2_close(qcow2_image *image)
{
    return image ? image_close(image) : 0;
}

const char *qcow2_probe(const char *filename)
{
    return qcow2_probe_with(filename, NULL);
}

const char *qcow2_probe_with(const char *filename, const qcow2_open_options *options)
{
    static const struct qcow2_open_options none = { 0 };

    REQUIRE(filename, NULL);
    return image_probe(filename, options ? options : &none);
}

const char *qcow2_get_filename(const qcow2_image *image)
{
    REQUIRE(image, NULL);
    return image->filename;
}

const char *qcow2_get_name(const qcow2_image *image)
{
    REQUIRE(image, NULL);
    return image->name ? image->name : image->filename;
}

qcow2_image *qcow2_get_backing(qcow2_image *image)
{
    REQUIRE(image, NULL);
    return image->backing;
}

int qcow2_uses_file(qcow2_image *image, const char *filename)
{
    struct stat st;

    REQUIRE(image && filename, -1);
    return stat(filename, &st) == 0 && image_uses_file(image, &st);
}

int qcow2_uses_file_of(qcow2_image *image, qcow2_image *written)
{
    REQUIRE(image && written, -1);
    return image_uses_file_of(image, written);
}

int qcow2_get_info(qcow2_image *image, qcow2_info *info, size_t info_size)
{
    qcow2_info whole;

    REQUIRE(image && info, -1);
    if (image_info(image, &whole) == -1)
        return -1;
    memset(info, 0, info_size);
    memcpy(info, &whole, info_size < sizeof whole ? info_size : sizeof whole);
    return 0;
}

int qcow2_get_encryption(qcow2_image *image, qcow2_encryption *encryption, size_t encryption_size)
{
    qcow2_encryption whole;

    REQUIRE(image && encryption, -1);
    if (image_encryption(image, &whole) == -1)
        return -1;
    memset(encryption, 0, encryption_size);
    memcpy(encryption, &whole, encryption_size < sizeof whole ? encryption_size : sizeof whole);
    return 0;
}

/* ---- The guest's view ---- */

uint64_t qcow2_get_size(const qcow2_image *image)
{
    REQUIRE(image, 0);
    return image_size_now((qcow2_image *)(uintptr_t)image);
}

int qcow2_pread(qcow2_image *image, void *buf, size_t count, uint64_t offset, uint32_t flags)
{
    REQUIRE(image && (buf || count == 0), -1);
    REQUIRE_FLAGS(flags, 0);
    return image_read(image, buf, count, offset);
}

int qcow2_pwrite(qcow2_image *image, const void *buf, size_t count, uint64_t offset, uint32_t flags)
{
    REQUIRE(image && (buf || count == 0), -1);
    REQUIRE_FLAGS(flags, QCOW2_FUA);
    return image_write(image, buf, count, offset, flags);
}

int qcow2_pwrite_compressed(qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                            uint32_t flags)
{
    REQUIRE(image && (buf || count == 0), -1);
    REQUIRE_FLAGS(flags, QCOW2_FUA);
    return image_write_compressed(image, buf, count, offset, flags);
}

int64_t qcow2_compress(qcow2_image *image, const void *buf, size_t count, void *out)
{
    REQUIRE(image && buf && out, -1);
    return image_compress(image, buf, count, out);
}

int qcow2_pwrite_stream(qcow2_image *image, const void *stream, size_t size, uint64_t offset,
                        uint32_t flags)
{
    REQUIRE(image && stream, -1);
    REQUIRE_FLAGS(flags, QCOW2_FUA);
    return image_write_stream(image, stream, size, offset, flags);
}

int qcow2_zero(qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags)
{
    REQUIRE(image, -1);
    REQUIRE_FLAGS(flags, QCOW2_FUA | QCOW2_MAY_UNMAP | QCOW2_FAST_ZERO);
    return image_zero(image, count, offset, flags);
}

int qcow2_discard(qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags)
{
    REQUIRE(image, -1);
    REQUIRE_FLAGS(flags, QCOW2_FUA);
    return image_discard(image, count, offset, flags);
}

int qcow2_flush(qcow2_image *image, uint32_t flags)
{
    REQUIRE(image, -1);
    REQUIRE_FLAGS(flags, 0);
    return image_flush(image);
}

int qcow2_map(qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags,
              qcow2_extent_callback *callback, void *opaque)
{
    REQUIRE(image && callback, -1);
    REQUIRE_FLAGS(flags, QCOW2_MAP_SHALLOW | QCOW2_MAP_DAMAGE);
    return image_map(image, count, offset, flags, callback, opaque);
}

/* ---- Snapshots ---- */

int qcow2_snapshot_list(qcow2_image *image, qcow2_snapshot_callback *callback, void *opaque)
{
    REQUIRE(image && callback, -1);
    return image_snapshot_list(image, callback, opaque);
}

int qcow2_snapshot_show(qcow2_image *image, uint32_t index)
{
    REQUIRE(image, -1);
    return image_snapshot_show(image, index);
}

int qcow2_snapshot_create(qcow2_image *image, const char *name)
{
    REQUIRE(image && name, -1);
    return image_snapshot_create(image, name);
}

int qcow2_snapshot_create_with_state(qcow2_image *image, const qcow2_snapshot *snapshot,
                                     size_t snapshot_size)
{
    qcow2_snapshot whole = { .icount = UINT64_MAX };

    REQUIRE(image && snapshot, -1);
    memcpy(&whole, snapshot, snapshot_size < sizeof whole ? snapshot_size : sizeof whole);
    REQUIRE(whole.name, -1);
    return image_snapshot_create_with(image, &whole);
}

int qcow2_snapshot_apply(qcow2_image *image, const char *id_or_name)
{
    REQUIRE(image && id_or_name, -1);
    return image_snapshot_apply(image, id_or_name);
}

int qcow2_snapshot_delete(qcow2_image *image, const char *id_or_name)
{
    REQUIRE(image && id_or_name, -1);
    return image_snapshot_delete(image, id_or_name);
}

int qcow2_vm_state_pread(qcow2_image *image, void *buf, size_t count, uint64_t offset,
                         uint32_t flags)
{
    REQUIRE(image && (buf || count == 0), -1);
    REQUIRE_FLAGS(flags, 0);
    return image_vm_state_read(image, buf, count, offset);
}

int qcow2_vm_state_pwrite(qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                          uint32_t flags)
{
    REQUIRE(image && (buf || count == 0), -1);
    REQUIRE_FLAGS(flags, QCOW2_FUA);
    return image_vm_state_write(image, buf, count, offset, flags);
}

/* ---- Bitmaps ---- */

int qcow2_bitmap_list(qcow2_image *image, qcow2_bitmap_callback *callback, void *opaque)
{
    REQUIRE(image && callback, -1);
    return image_bitmap_list(image, callback, opaque);
}

int qcow2_bitmap_add(qcow2_image *image, const char *name, uint64_t granularity, uint32_t flags)
{
    REQUIRE(image && name, -1);
    REQUIRE_FLAGS(flags, QCOW2_BITMAP_ENABLED);
    return image_bitmap_add(image, name, granularity, flags);
}

int qcow2_bitmap_remove(qcow2_image *image, const char *name)
{
    REQUIRE(image && name, -1);
    return image_bitmap_remove(image, name);
}

int qcow2_bitmap_clear(qcow2_image *image, const char *name)
{
    REQUIRE(image && name, -1);
    return image_bitmap_clear(image, name);
}

int qcow2_bitmap_enable(qcow2_image *image, const char *name)
{
    REQUIRE(image && name, -1);
    return image_bitmap_enable(image, name, true);
}

int qcow2_bitmap_disable(qcow2_image *image, const char *name)
{
    REQUIRE(image && name, -1);
    return image_bitmap_enable(image, name, false);
}

int qcow2_bitmap_merge(qcow2_image *image, const char *name, qcow2_image *source,
                       const char *source_name)
{
    REQUIRE(image && name && source && source_name, -1);
    return image_bitmap_merge(image, name, source, source_name);
}

int qcow2_bitmap_extents(qcow2_image *image, const char *name, uint64_t count, uint64_t offset,
                         qcow2_bitmap_extent_callback *callback, void *opaque)
{
    REQUIRE(image && name && callback, -1);
    return image_bitmap_extents(image, name, count, offset, callback, opaque);
}

/* ---- Creating and changing ---- */

int qcow2_create(const char *filename, const qcow2_create_options *options)
{
    REQUIRE(filename && options, -1);
    return image_create(filename, options);
}

int qcow2_resize(qcow2_image *image, uint64_t size, uint32_t flags)
{
    REQUIRE(image, -1);
    REQUIRE_FLAGS(flags, QCOW2_RESIZE_SHRINK | QCOW2_RESIZE_METADATA | QCOW2_RESIZE_FALLOC |
                             QCOW2_RESIZE_FULL);
    return image_resize(image, size, flags);
}

int qcow2_measure(const qcow2_create_options *options, qcow2_image *source,
                  qcow2_measurement *measurement, size_t measurement_size)
{
    qcow2_measurement whole;

    REQUIRE(options && measurement, -1);
    if (image_measure(options, source, &whole) == -1)
        return -1;
    memset(measurement, 0, measurement_size);
    memcpy(measurement, &whole, measurement_size < sizeof whole ? measurement_size : sizeof whole);
    return 0;
}

int qcow2_amend(qcow2_image *image, const qcow2_amend_options *options,
                qcow2_progress_callback *progress, void *opaque)
{
    REQUIRE(image && options, -1);
    return image_amend(image, options, progress, opaque);
}

int qcow2_rebase(qcow2_image *image, const char *backing_file, const char *backing_format,
                 qcow2_image *new_backing, uint32_t flags, qcow2_progress_callback *progress,
                 void *opaque)
{
    REQUIRE(image, -1);
    REQUIRE_FLAGS(flags, QCOW2_REBASE_UNSAFE);
    return image_rebase(image, backing_file, backing_format, new_backing, flags, progress, opaque);
}

int qcow2_commit(qcow2_image *image, unsigned depth, uint64_t rate_limit, uint32_t flags,
                 qcow2_progress_callback *progress, void *opaque)
{
    REQUIRE(image, -1);
    REQUIRE_FLAGS(flags, QCOW2_COMMIT_KEEP);
    return image_commit(image, depth, rate_limit, flags, progress, opaque);
}

/* ---- Checking ---- */

/* The tables of an image in use must not change behind its back. */
static int require_repairable(const qcow2_image *image)
{
    if (image->disk == NULL && !image_read_only(image))
        return 0;
    return error_set(
        image_read_only(image) ? EROFS : EINVAL,
        "'%s' can be repaired only when it is opened with QCOW2_OPEN_CHECK and without "
        "QCOW2_OPEN_READ_ONLY",
        image->filename);
}

static int repair(qcow2_image *image, uint32_t flags, qcow2_check_message *message, void *opaque,
                  qcow2_check_result *result)
{
    struct error error;
    int r;

    if (require_repairable(image) == -1)
        return -1;
    r = check_repair(image->store, &image->tables.header, flags & QCOW2_CHECK_REPAIR_ALL, message,
                     opaque, result);
    error_save(&error);
    image_reload_snapshots(image); /* what there is */
    return r == -1 ? error_restore(&error) : 0;
}

static int check_settled(qcow2_image *image, qcow2_check_message *message, void *opaque,
                         qcow2_check_result *result)
{
    if (image->disk && !image_read_only(image) && tables_settle(&image->tables) == -1)
        return -1;
    return check_run(image->store, &image->tables.header, message, opaque, result);
}

int qcow2_check(qcow2_image *image, uint32_t flags, qcow2_check_result *result, size_t result_size,
                qcow2_check_message *message, void *opaque)
{
    qcow2_check_result whole = { 0 };
    int r;

    REQUIRE(image && result, -1);
    REQUIRE_FLAGS(flags, QCOW2_CHECK_REPAIR_LEAKS | QCOW2_CHECK_REPAIR_ALL);
    if (image->format != FORMAT_QCOW2)
        return error_set(ENOTSUP, "This image format does not support checks");
    {
        WRITE_SCOPE(&image->operations);
        r = flags & (QCOW2_CHECK_REPAIR_LEAKS | QCOW2_CHECK_REPAIR_ALL)
                ? repair(image, flags, message, opaque, &whole)
                : check_settled(image, message, opaque, &whole);
    }
    memset(result, 0, result_size);
    memcpy(result, &whole, result_size < sizeof whole ? result_size : sizeof whole);
    return r;
}
