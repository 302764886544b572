/* SPDX-License-Identifier: BSD-3-Clause */
/* named.c - files that an image names: its backing file and its data file */

#include "image/named.h"
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool named_has_protocol(const char *name)
{
    size_t prefix = strcspn(name, ":/");

    return name[prefix] == ':';
}

bool named_is_nbd(const char *name)
{
    static const char *const schemes[] = { "nbd://",     "nbds://",    "nbd+unix:",
                                           "nbds+unix:", "nbd+vsock:", "nbds+vsock:" };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (begins(name, schemes[i]))
            return true;
    return false;
}

char *named_resolve(const struct qcow2_image *image, const char *name)
{
    const char *image_filename = image->filename;
    const char *slash = strrchr(image_filename, '/');
    char *full;

    if (name[0] == '/' || slash == NULL || named_has_protocol(name) ||
        image->flags & QCOW2_OPEN_NBD)
        full = strdup(name);
    else if (asprintf(&full, "%.*s/%s", (int)(slash - image_filename), image_filename, name) == -1)
        full = NULL;
    return full ? full : error_no_memory();
}

int named_refuse(const struct qcow2_image *image, int errnum, const char *name, const char *why)
{
    return error_set(errnum, "'%s', named by '%s': %s", name, image->filename, why);
}

static bool is_file_of(struct store *file, struct store *store)
{
    return file && store && store_same_file(file, store);
}

static int check_unused(const struct qcow2_image *image, const char *name, struct store *store)
{
    unsigned depth = 1;
    int r = 0;

    for (const struct qcow2_image *above = image; above && r == 0; above = above->overlay) {
        if (is_file_of(store, above->data_store))
            r = named_refuse(image, EINVAL, name, "it is an image's data file already");
        else if (is_file_of(store, above->store))
            r = named_refuse(image, ELOOP, name, "the chain of backing files is a loop");
        else if (++depth > MAX_BACKING_DEPTH)
            r = named_refuse(image, ELOOP, name,
                             "the chain of backing files is too long (at most 200)");
    }
    return r;
}

/* An export is no file that could be another one, and may have no place for a second client. */
int named_check_unused(const struct qcow2_image *image, const char *name, uint32_t flags)
{
    bool export = flags & QCOW2_OPEN_NBD;
    struct store *store = export ? NULL : store_file_open(name, STORE_READ_ONLY, STORE_LOCK_NONE);
    int r = store || export ? check_unused(image, name, store) : -1;

    store_close(store);
    return r;
}
