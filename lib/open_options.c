/* SPDX-License-Identifier: BSD-3-Clause */
/* open_options.c - the edge: how an image is to be opened */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "image/options.h"

#define KNOWN_OPEN_FLAGS                                                                      \
    (QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_FORCE_SHARE | QCOW2_OPEN_NO_LOCK | QCOW2_OPEN_DIRECT | \
     QCOW2_OPEN_WRITETHROUGH | QCOW2_OPEN_UNSAFE | QCOW2_OPEN_DISCARD | QCOW2_OPEN_NO_IO |    \
     QCOW2_OPEN_CHECK | QCOW2_OPEN_NO_WRITERS | QCOW2_OPEN_UNTRUSTED | QCOW2_OPEN_NBD |       \
     QCOW2_OPEN_BACKING_NBD)

qcow2_open_options *qcow2_open_options_new(void)
{
    qcow2_open_options *options = calloc(1, sizeof *options);

    if (options == NULL)
        return error_no_memory();
    options->nbd.kept = nbd_kept_new();
    if (options->nbd.kept != NULL)
        return options;
    free(options);
    return NULL;
}

void qcow2_open_options_free(qcow2_open_options *options)
{
    if (options == NULL)
        return;
    free(options->name);
    free(options->backing_file);
    free(options->backing_format);
    qcow2_open_options_free(options->backing);
    free(options->data_file);
    qcow2_open_options_free(options->data_file_options);
    qcow2_open_options_free(options->file);
    free(options->nbd.tls_hostname);
    free(options->nbd.dirty_bitmap);
    nbd_kept_unref(options->nbd.kept);
    free(options->snapshot);
    secret_clear(&options->secret);
    free(options);
}

int qcow2_open_options_set_name(qcow2_open_options *options, const char *name)
{
    return text_replace(&options->name, name);
}

int qcow2_open_options_set_format(qcow2_open_options *options, const char *format)
{
    return image_format_parse(format, &options->format);
}

int qcow2_open_options_set_flags(qcow2_open_options *options, uint32_t flags)
{
    if (flags & QCOW2_OPEN_FORCE_SHARE && !(flags & QCOW2_OPEN_READ_ONLY))
        return error_set(EINVAL, "force-share=on can only be used with read-only images");
    if (flags & ~KNOWN_OPEN_FLAGS)
        return error_set(EINVAL, "Unknown open flags 0x%" PRIx32, flags & ~KNOWN_OPEN_FLAGS);
    options->flags = flags | (flags & QCOW2_OPEN_CHECK ? QCOW2_OPEN_NO_IO : 0);
    return 0;
}

int qcow2_open_options_set_backing_policy(qcow2_open_options *options, qcow2_backing_policy policy)
{
    if ((unsigned)policy > QCOW2_BACKING_NONE)
        return error_set(EINVAL, "Unknown backing policy %d", (int)policy);
    options->backing_policy = policy;
    return 0;
}

int qcow2_open_options_set_backing_filter(qcow2_open_options *options, qcow2_backing_filter *filter,
                                          void *opaque)
{
    options->backing_filter = filter;
    options->backing_filter_opaque = opaque;
    return 0;
}

int qcow2_open_options_set_backing(qcow2_open_options *options, const char *filename,
                                   const char *format)
{
    if (text_replace(&options->backing_file, filename) == -1)
        return -1;
    return text_replace(&options->backing_format, format);
}

/* Each object has one owner, and none is its own. */
static int take_over(qcow2_open_options **to, qcow2_open_options *options, const char *role,
                     qcow2_open_options *other)
{
    if (*to == other)
        return 0;
    for (const qcow2_open_options *o = options; o != NULL; o = o->owner)
        if (o == other)
            return error_set(EINVAL, "An image cannot be its own %s", role);
    if (other != NULL && other->owner != NULL)
        return error_set(EINVAL, "The options of the %s belong to others already", role);
    qcow2_open_options_free(*to);
    *to = other;
    if (other != NULL)
        other->owner = options;
    return 0;
}

int qcow2_open_options_set_backing_options(qcow2_open_options *options, qcow2_open_options *backing)
{
    return take_over(&options->backing, options, "backing file", backing);
}

int qcow2_open_options_set_file_options(qcow2_open_options *options, qcow2_open_options *file)
{
    return take_over(&options->file, options, "file", file);
}

int qcow2_open_options_set_data_file_policy(qcow2_open_options *options,
                                            qcow2_data_file_policy policy)
{
    if ((unsigned)policy > QCOW2_DATA_FILE_ALLOW)
        return error_set(EINVAL, "Unknown data file policy %d", (int)policy);
    options->data_file_policy = policy;
    return 0;
}

int qcow2_open_options_set_data_file(qcow2_open_options *options, const char *filename)
{
    return text_replace(&options->data_file, filename);
}

int qcow2_open_options_set_data_file_options(qcow2_open_options *options,
                                             qcow2_open_options *data_file)
{
    return take_over(&options->data_file_options, options, "data file", data_file);
}

int qcow2_open_options_set_snapshot(qcow2_open_options *options, const char *id_or_name)
{
    return text_replace(&options->snapshot, id_or_name);
}

int qcow2_open_options_set_secret(qcow2_open_options *options, const void *secret, size_t size)
{
    return secret_set(&options->secret, secret, size);
}

int qcow2_open_options_set_secret_callback(qcow2_open_options *options,
                                           qcow2_secret_callback *callback, void *opaque)
{
    options->secret_callback = callback;
    options->secret_opaque = opaque;
    return 0;
}

int qcow2_open_options_set_writable_backing(qcow2_open_options *options, unsigned depth)
{
    options->writable_depth = depth;
    return 0;
}

int qcow2_open_options_set_l2_cache_size(qcow2_open_options *options, uint64_t size)
{
    options->runtime.l2_cache_size = size;
    return 0;
}

int qcow2_open_options_set_refcount_cache_size(qcow2_open_options *options, uint64_t size)
{
    options->runtime.refcount_cache_size = size;
    return 0;
}
