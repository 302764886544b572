/* SPDX-License-Identifier: BSD-3-Clause */
/* named.c - files that an image names: its backing file and its data file */

#include "image/named.h"

#include "cleanup.h"
#include "nbd-uri.h"
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
    static const char *const schemes[] = { "nbd:",      "nbds://",    "nbd+tcp://", "nbds+tcp://",
                                           "nbd+unix:", "nbds+unix:", "nbd+vsock:", "nbds+vsock:" };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (begins(name, schemes[i]))
            return true;
    return false;
}

bool named_is_file(const char *name)
{
    return begins(name, "file:") || !named_has_protocol(name);
}

char *named_beside(const char *image_filename, const char *name)
{
    const char *slash = strrchr(image_filename, '/');
    char *full;

    if (name[0] == '/' || slash == NULL || named_has_protocol(name))
        full = strdup(name);
    else if (asprintf(&full, "%.*s/%s", (int)(slash - image_filename), image_filename, name) == -1)
        full = NULL;
    return full ? full : error_no_memory();
}

/* An export is in no directory. */
char *named_resolve(const struct qcow2_image *image, const char *name)
{
    return named_beside(image->flags & QCOW2_OPEN_NBD ? "" : image->filename, name);
}

static char *old_export(const struct qcow2_image *image, const char *name)
{
    CLEANUP_FREE char *text = strdup(name), *port = NULL;
    nbd_address address;
    char *uri;

    if (text == NULL)
        return error_no_memory();
    if (nbd_name_split(text, &address) == -1)
        return named_refuse(image, EINVAL, name, "it lacks the address of an NBD server"), NULL;
    port = address.port ? nbd_port_number(address.port) : NULL;
    address.port = port ? port : address.port; /* libnbd tells what is wrong with it */
    uri = nbd_uri_make(&address);
    return uri ? uri : error_no_memory();
}

/* libnbd knows no "+tcp", which says what it means without. */
static char *plain_uri(const char *name)
{
    size_t scheme = strcspn(name, "+:");
    char *uri;

    if (asprintf(&uri, "%.*s%s", (int)scheme, name, skip_prefix(name + scheme, "+tcp")) == -1)
        return error_no_memory();
    return uri;
}

/* What follows "file:" may look like a URI. */
static char *path_of(const char *name)
{
    const char *file = skip_prefix(name, "file:");
    char *path;

    if (asprintf(&path, "%s%s", named_has_protocol(file) ? "./" : "", file) == -1)
        return error_no_memory();
    return path;
}

char *named_place(const struct qcow2_image *image, const char *name)
{
    if (!named_is_nbd(name))
        return path_of(name);
    return nbd_name_is_old(name) ? old_export(image, name) : plain_uri(name);
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
