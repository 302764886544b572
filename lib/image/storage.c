/* SPDX-License-Identifier: BSD-3-Clause */
/* storage.c - what an image is stored in: a file or an export, a part of one, the disk of an image
 *
 *     image                      options           format, snapshot, caches ...
 *       storage_open               ->part          a window
 *         storage_open_layer       ->file          options of the layer below, which is
 *           storage_open             raw           only storage again, or
 *           image_open               other         an image whose disk is the store
 *             ...
 *               a file or an export, whose name is the same for all layers
 */

#include "image/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "image/image_store.h"
#include "store/window.h"

/* What is said of an image and holds for the layers below it. */
#define FROM_ABOVE                                                                            \
    (QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_FORCE_SHARE | QCOW2_OPEN_NO_LOCK | QCOW2_OPEN_DIRECT | \
     QCOW2_OPEN_UNSAFE | QCOW2_OPEN_UNTRUSTED | QCOW2_OPEN_LOOK)

/* Who only looks at the metadata may open the image afterwards. */
static bool is_look(uint32_t flags)
{
    return flags & QCOW2_OPEN_LOOK || (flags & QCOW2_OPEN_NO_IO && flags & QCOW2_OPEN_READ_ONLY);
}

static struct store *store_of(struct qcow2_image *image)
{
    if (image->disk != NULL)
        return image_store_new(image);
    error_set(EINVAL, "'%s' was opened for its metadata only", image->filename);
    image_close(image);
    return NULL;
}

static struct store *open_layer(const char *filename, const struct qcow2_open_options *layer,
                                const struct qcow2_open_options *image, enum store_sharing sharing)
{
    struct qcow2_open_options options = *layer;
    struct qcow2_image *opened;

    options.flags |= (image->flags & FROM_ABOVE) | (is_look(image->flags) ? QCOW2_OPEN_LOOK : 0);
    options.repair_dirty = image->repair_dirty;
    if (options.format == FORMAT_RAW)
        return storage_open(filename, &options, sharing);
    options.flags |= QCOW2_OPEN_DISCARD; /* whether there are discards is decided above */
    opened = image_open(filename, &options);
    return opened ? store_of(opened) : NULL;
}

struct store *storage_open_layer(const char *filename, const struct qcow2_open_options *layer,
                                 const struct qcow2_open_options *image, enum store_sharing sharing)
{
    struct store *store = open_layer(filename, layer, image, sharing);

    if (store == NULL || layer->name == NULL)
        return store;
    free(store->shown);
    store->shown = strdup(layer->name);
    if (store->shown)
        return store;
    store_close(store);
    return error_no_memory();
}

static uint32_t store_flags(uint32_t flags)
{
    return (flags & QCOW2_OPEN_READ_ONLY ? STORE_READ_ONLY : 0) |
           (flags & QCOW2_OPEN_DIRECT ? STORE_DIRECT : 0) |
           (flags & QCOW2_OPEN_UNSAFE ? STORE_UNSAFE : 0) |
           (flags & QCOW2_OPEN_NBD ? STORE_NBD : 0) |
           (flags & QCOW2_OPEN_FOREIGN_NAME ? STORE_FOREIGN_NAME : 0) |
           (is_look(flags) ? STORE_LOOK : 0);
}

static struct store *open_named(const char *filename, const struct qcow2_open_options *options,
                                enum store_sharing sharing)
{
    uint32_t flags = store_flags(options->flags);

    return flags & STORE_NBD ? store_nbd_open(filename, flags, &options->nbd)
                             : store_file_open(filename, flags, sharing);
}

struct store *storage_open(const char *filename, const struct qcow2_open_options *options,
                           enum store_sharing sharing)
{
    const struct file_part *part = &options->part;
    struct store *store = options->file
                              ? storage_open_layer(filename, options->file, options, sharing)
                              : open_named(filename, options, sharing);

    if (store == NULL || (!part->has_offset && !part->has_size))
        return store;
    if (options->format != FORMAT_RAW) {
        error_set(EINVAL, "Could not open '%s': only a raw image can be a part of its file",
                  filename);
        store_close(store);
        return NULL;
    }
    return store_window_new(store, part->offset, part->has_size ? part->size : WINDOW_TO_END);
}
