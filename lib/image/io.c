/* SPDX-License-Identifier: BSD-3-Clause */
/* io.c - guest requests at the door of an image: range checks, locks, durability */

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "image/image.h"

static int check_range(const struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    if (image->disk == NULL)
        return error_set(EINVAL, "'%s' was opened for its metadata only", image->filename);
    if (!range_within(offset, count, image->disk->size))
        return error_set(EINVAL,
                         "The range at offset 0x%" PRIx64 " of %" PRIu64
                         " bytes lies beyond the end of the disk '%s' (%" PRIu64 " bytes)",
                         offset, count, image->filename, image->disk->size);
    return 0;
}

uint64_t image_size_now(struct qcow2_image *image)
{
    READ_SCOPE(&image->operations);

    return image_size(image);
}

static int check_change(const struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    if (image_read_only(image))
        return error_set(EROFS, "'%s' is open read-only", image->filename);
    return check_range(image, count, offset);
}

/* A change is about to be made.  Bitmaps note it even if it fails: a part may have been done. */
static int begin_change(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    if (check_change(image, count, offset) == -1)
        return -1;
    return bitmaps_note(image, count, offset);
}

int image_flush(struct qcow2_image *image)
{
    READ_SCOPE(&image->operations);

    if (image_read_only(image) || image->disk == NULL)
        return 0;
    return image->disk->ops->flush(image->disk);
}

/* A change that has been made: durable at once if asked for.  operations is held. */
static int settle(struct qcow2_image *image, uint32_t flags)
{
    if (!(flags & QCOW2_FUA) && !(image->flags & QCOW2_OPEN_WRITETHROUGH))
        return 0;
    return image->disk->ops->flush(image->disk);
}

int image_read(struct qcow2_image *image, void *buf, size_t count, uint64_t offset)
{
    READ_SCOPE(&image->operations);

    if (check_range(image, count, offset) == -1)
        return -1;
    return disk_read(image->disk, buf, count, offset);
}

int image_write(struct qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                uint32_t flags)
{
    READ_SCOPE(&image->operations);

    if (begin_change(image, count, offset) == -1 ||
        image->disk->ops->write(image->disk, buf, count, offset) == -1)
        return -1;
    return settle(image, flags);
}

/* Only formats with compressed clusters, and only for those who may write. */
static int check_compressed(const struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    if (check_change(image, count, offset) == -1)
        return -1;
    if (image->disk->ops->write_compressed == NULL)
        return error_set(ENOTSUP, "Compression is not possible: '%s' is a %s image",
                         image->filename, image_format_name(image->format));
    if (image->data_store)
        return error_set(ENOTSUP, "Compression is not possible: '%s' has an external data file",
                         image->filename);
    if (image_is_encrypted(image))
        return error_set(ENOTSUP, "Compression and encryption not supported at the same time");
    return 0;
}

int image_write_compressed(struct qcow2_image *image, const void *buf, size_t count,
                           uint64_t offset, uint32_t flags)
{
    READ_SCOPE(&image->operations);

    if (check_compressed(image, count, offset) == -1 || bitmaps_note(image, count, offset) == -1 ||
        image->disk->ops->write_compressed(image->disk, buf, count, offset) == -1)
        return -1;
    return settle(image, flags);
}

ssize_t image_compress(struct qcow2_image *image, const void *buf, size_t count, void *out)
{
    READ_SCOPE(&image->operations);

    if (check_compressed(image, 0, 0) == -1)
        return -1;
    if (count == 0 || count > image->tables.geometry.cluster_size)
        return error_set(EINVAL, "A cluster of '%s' has %" PRIu64 " bytes, not %zu",
                         image->filename, image->tables.geometry.cluster_size, count);
    return image->disk->ops->compress(image->disk, buf, count, out);
}

int image_write_stream(struct qcow2_image *image, const void *stream, size_t size, uint64_t offset,
                       uint32_t flags)
{
    uint64_t cluster;
    READ_SCOPE(&image->operations);

    if (check_compressed(image, 1, offset) == -1)
        return -1;
    cluster = min_u64(image->tables.geometry.cluster_size, image->disk->size - offset);
    if (bitmaps_note(image, cluster, offset) == -1 ||
        image->disk->ops->write_stream(image->disk, stream, size, offset) == -1)
        return -1;
    return settle(image, flags);
}

int image_zero(struct qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags)
{
    uint32_t disk_flags = (flags & QCOW2_MAY_UNMAP ? DISK_MAY_UNMAP : 0) |
                          (flags & QCOW2_FAST_ZERO ? DISK_FAST_ZERO : 0);
    READ_SCOPE(&image->operations);

    if (begin_change(image, count, offset) == -1)
        return -1;
    if (count > 0 && image->disk->ops->zero(image->disk, count, offset, disk_flags) == -1)
        return -1;
    return settle(image, flags);
}

int image_discard(struct qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags)
{
    READ_SCOPE(&image->operations);

    if (begin_change(image, count, offset) == -1)
        return -1;
    if (count > 0 && image->disk->ops->discard(image->disk, count, offset) == -1)
        return -1;
    return settle(image, flags);
}
