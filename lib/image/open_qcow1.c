/* SPDX-License-Identifier: BSD-3-Clause */
/* open_qcow1.c - opening a qcow image of version 1, which can only be read */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "format/disk.h"
#include "guest/qcow1.h"
#include "image/encryption.h"

static int refuse(const struct qcow2_image *image, int errnum, const char *why)
{
    return error_set(errnum, "Could not open '%s': %s", image->filename, why);
}

static int read_header(struct qcow2_image *image)
{
    struct disk_qcow1_header disk;
    uint64_t length;

    if (store_size(image->store, &length) == -1 ||
        store_pread(image->store, &disk, sizeof disk, 0) == -1)
        return -1;
    if (qcow1_header_decode(&disk, length, &image->qcow1) == -1)
        return image_could_not_open(image->filename);
    return 0;
}

static int read_backing_file(struct qcow2_image *image)
{
    const struct qcow1_header *h = &image->qcow1;
    char name[MAX_BACKING_FILE_SIZE];

    if (h->backing_file_size == 0)
        return 0;
    if (store_pread(image->store, name, h->backing_file_size, h->backing_file_offset) == -1)
        return -1;
    image->qcow1_backing_file = text_copy(name, strnlen(name, h->backing_file_size));
    return image->qcow1_backing_file ? 0 : -1;
}

static int open_disk(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    struct cipher *cipher = NULL;

    if (image->qcow1.crypt_method == CRYPT_AES &&
        (cipher = encryption_unlock_aes(image, options)) == NULL)
        return -1;
    image->disk = qcow1_disk_new(image->store, &image->qcow1, cipher);
    return image->disk ? 0 : -1;
}

int image_open_qcow1(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    if (read_header(image) == -1 || read_backing_file(image) == -1)
        return -1;
    if (!image_read_only(image))
        return refuse(image, EROFS, "images of format qcow (version 1) can only be read");
    if (options->snapshot != NULL)
        return refuse(image, ENOTSUP, "qcow images have no internal snapshots");
    if (!(image->flags & QCOW2_OPEN_NO_IO) && open_disk(image, options) == -1)
        return -1;
    return image_open_backing(image, options);
}
