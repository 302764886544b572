/* SPDX-License-Identifier: BSD-3-Clause */
/* chain.c - the backing file that an image names: the caller's policy, then opening it
 *
 * A file that is already part of the chain, and a chain that is too deep, are errors.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/named.h"
#include "words.h"

#define FAILED "Could not open backing file: "

/* The format to open it as; probing only as far as the policy goes. */
static int backing_format(const struct qcow2_image *image, const char *name, const char *recorded,
                          const struct qcow2_open_options *options,
                          const struct qcow2_open_options *backing, enum image_format *format)
{
    const char *probed;

    if (recorded != NULL)
        return image_format_parse(recorded, format);
    if (options->backing_policy != QCOW2_BACKING_ALLOW_PROBE)
        return named_refuse(image, EINVAL, name,
                            "its format is not recorded in the image, and guessing "
                            "it from the content is not safe");
    probed = image_probe(name, backing);
    if (probed == NULL)
        return -1;
    if (strcmp(probed, "raw") != 0 && image_format_parse(probed, format) == 0)
        return 0;
    return named_refuse(image, EINVAL, name,
                        "its format is not recorded in the image, and its content "
                        "does not prove it to be qcow2 or qcow; name the format if it is "
                        "raw");
}

/* What is said of an image and holds for its backing files, whatever is said of them: nobody else
 * repairs them, and the password may be known for the whole chain. */
static void inherit(struct qcow2_open_options *backing, const struct qcow2_open_options *options)
{
    const uint32_t inherited = QCOW2_OPEN_FORCE_SHARE | QCOW2_OPEN_NO_LOCK | QCOW2_OPEN_DIRECT |
                               QCOW2_OPEN_NO_IO | QCOW2_OPEN_UNTRUSTED | QCOW2_OPEN_BACKING_NBD;
    const uint32_t written_with = QCOW2_OPEN_WRITETHROUGH | QCOW2_OPEN_UNSAFE | QCOW2_OPEN_DISCARD;

    backing->flags |= options->flags & inherited;
    backing->writable_depth = options->writable_depth ? options->writable_depth - 1 : 0;
    if (options->writable_depth == 1)
        backing->flags = (backing->flags & ~QCOW2_OPEN_READ_ONLY) | (options->flags & written_with);
    else
        backing->flags |= QCOW2_OPEN_READ_ONLY;
    backing->repair_dirty = options->repair_dirty;
    if (backing->secret_callback == NULL) {
        backing->secret_callback = options->secret_callback;
        backing->secret_opaque = options->secret_opaque;
    }
}

/* A backing file of which nothing is said. */
static struct qcow2_open_options as_image(const struct qcow2_open_options *options)
{
    return (struct qcow2_open_options){
        .backing_policy = options->backing_policy,
        .backing_filter = options->backing_filter,
        .backing_filter_opaque = options->backing_filter_opaque,
        .data_file_policy = options->data_file_policy,
        .runtime = options->runtime,
    };
}

/* An image that can be read needs a backing file that can. */
static int adopt_backing(struct qcow2_image *image, struct qcow2_image *backing)
{
    if (image->disk && !backing->disk) {
        error_set(EINVAL, "'%s' was opened for its metadata only", backing->filename);
        image_close(backing);
        return -1;
    }
    image->backing = backing;
    if (image->disk)
        image->disk->backing = backing->disk;
    return 0;
}

static int open_as(struct qcow2_image *image, const char *name, const char *recorded,
                   const struct qcow2_open_options *options, struct qcow2_open_options *backing)
{
    struct qcow2_image *opened;

    inherit(backing, options);
    if (named_check_unused(image, name, backing->flags) == -1 ||
        backing_format(image, name, recorded, options, backing, &backing->format) == -1)
        return -1;
    backing->overlay = image;
    opened = image_open(name, backing);
    return opened ? adopt_backing(image, opened) : -1;
}

/* flags: what kind of name it is. */
static int open_file(struct qcow2_image *image, const char *name, const char *recorded,
                     uint32_t flags, const struct qcow2_open_options *options)
{
    struct qcow2_open_options backing = options->backing ? *options->backing : as_image(options);
    struct nbd_kept *kept = backing.nbd.kept ? nbd_kept_ref(backing.nbd.kept) : nbd_kept_new();
    int r;

    if (kept == NULL)
        return -1;
    backing.flags |= flags;
    backing.nbd.kept = kept;
    r = open_as(image, name, recorded, options, &backing);
    nbd_kept_unref(kept);
    return r;
}

/* What the caller says of the format counts more than what the image records. */
static const char *stated_format(const struct qcow2_image *image,
                                 const struct qcow2_open_options *options)
{
    const char *recorded = image->tables_open ? image->tables.header.backing_format : NULL;

    return options->backing_format ? options->backing_format : recorded;
}

/* The backing file that the caller names instead of the recorded one is as trusted as the image. */
static int open_given(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    return open_file(image, options->backing_file, stated_format(image, options), 0, options);
}

/* Does the name lead anywhere, and may it? */
static int check_name(const struct qcow2_image *image, const char *name,
                      const struct qcow2_open_options *options)
{
    if (named_is_nbd(name) && !(options->flags & QCOW2_OPEN_BACKING_NBD))
        return named_refuse(image, EPERM, name,
                            "opening backing files on NBD servers is not allowed");
    if (!named_is_file(name) && !named_is_nbd(name))
        return named_refuse(image, ENOTSUP, name, "it is not a plain file name");
    if (named_is_file(name) && skip_prefix(name, "file:")[0] != '/' &&
        image->flags & QCOW2_OPEN_NBD)
        return named_refuse(image, ENOTSUP, name,
                            "it is relative to a folder, and the image is in none");
    return 0;
}

static int open_recorded(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    const char *name = image->full_backing_file;
    const char *format = stated_format(image, options);
    CLEANUP_FREE char *place = NULL;

    switch (options->backing_policy) {
    case QCOW2_BACKING_IGNORE:
        if (image->disk)
            image->disk->backing_missing = true;
        return 0;
    case QCOW2_BACKING_NONE: return 0;
    case QCOW2_BACKING_REFUSE:
        return named_refuse(image, EPERM, name, "opening backing files is not allowed");
    case QCOW2_BACKING_ALLOW:
    case QCOW2_BACKING_ALLOW_PROBE: break;
    }
    if (check_name(image, name, options) == -1 || (place = named_place(image, name)) == NULL)
        return -1;
    if (options->backing_filter &&
        options->backing_filter(options->backing_filter_opaque, place, format) != 0)
        return named_refuse(image, EPERM, name, "the caller does not allow this file");
    return open_file(image, place, format,
                     named_is_nbd(name) ? QCOW2_OPEN_NBD | QCOW2_OPEN_FOREIGN_NAME : 0, options);
}

int image_open_backing(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    const char *recorded = image_backing_file(image);
    int r = 0;

    if (recorded != NULL && recorded[0] != '\0') {
        image->full_backing_file = named_resolve(image, recorded);
        if (image->full_backing_file == NULL)
            return -1;
    }
    if (options->backing_file != NULL)
        r = open_given(image, options);
    else if (image->full_backing_file != NULL)
        r = open_recorded(image, options);
    else if (options->backing != NULL)
        r = error_set(EINVAL, "'%s' names no backing file that options could be for",
                      image->filename);
    if (r == -1 && !begins(error_message(), FAILED))
        error_prefix(FAILED); /* once, however deep the chain */
    return r;
}
