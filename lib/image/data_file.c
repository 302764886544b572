/* SPDX-License-Identifier: BSD-3-Clause */
/* data_file.c - the external data file of an image: finding it, opening it, its length
 *
 * Which file?  The one that the caller names, else the one that the image names, if the caller's
 * policy allows that.  A relative name is looked for in the directory of the image, like that of a
 * backing file.  QEMU looks in the working directory instead; a file that is only there is taken,
 * too.  Where both directories have one there is no telling which is meant, and none is opened;
 * nor is an image made that would be so.
 */

#include "image/data_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "image/named.h"
#include "image/storage.h"
#include "words.h"

/* ------------------------------------------------------------------------------------------------
 * Finding and opening it
 */

struct place {
    char *path; /* owned */
    struct stat file;
    bool exists;
};

/* Where the file may be that the image names; "file:" is no part of the name.  The caller frees the
 * paths, even on failure. */
static int look(const struct qcow2_image *image, const char *recorded,
                struct place places[DATA_FILE_PLACES])
{
    const char *name = skip_prefix(recorded, "file:");

    places[0] = (struct place){ .path = named_resolve(image, name) };
    places[1] = (struct place){ .path = strdup(name) };
    if (places[0].path == NULL)
        return -1;
    if (places[1].path == NULL)
        return error_no_memory(), -1;
    for (int i = 0; i < DATA_FILE_PLACES; i++)
        places[i].exists = stat(places[i].path, &places[i].file) == 0;
    return 0;
}

static char *pick(const struct qcow2_image *image, const char *recorded, struct place *places)
{
    struct place *beside = &places[0], *here = &places[1];
    struct place *chosen = here->exists && !beside->exists ? here : beside;
    char *path = chosen->path;

    if (here->exists && beside->exists && !store_same_inode(&here->file, &beside->file)) {
        named_refuse(image, EINVAL, skip_prefix(recorded, "file:"),
                     "the image's directory and the working directory both have such a file; say "
                     "which one is its data file");
        return NULL;
    }
    chosen->path = NULL;
    return path;
}

char *image_find_data_file(const struct qcow2_image *image, const char *recorded)
{
    struct place places[DATA_FILE_PLACES];
    char *path = look(image, recorded, places) == 0 ? pick(image, recorded, places) : NULL;

    for (int i = 0; i < DATA_FILE_PLACES; i++)
        free(places[i].path);
    return path;
}

int image_check_new_data_file(const char *filename, const struct qcow2_create_options *options)
{
    const char *name = options->data_file;
    bool in_directory = name != NULL && (options->flags & QCOW2_CREATE_NBD) == 0;
    CLEANUP_FREE char *beside = in_directory ? named_beside(filename, name) : NULL;
    struct stat there, here;

    if (!in_directory)
        return 0;
    if (beside == NULL)
        return -1;
    if (stat(beside, &there) == -1 || (stat(name, &here) == 0 && store_same_inode(&there, &here)))
        return 0;
    return error_set(
        EINVAL,
        "The data file '%s' is to be made in the working directory, but in the image's "
        "directory there is one of that name, '%s', already; say which one is meant "
        "by a name that begins with '/'",
        name, beside);
}

static enum store_sharing sharing_of(uint32_t flags)
{
    if (flags & QCOW2_OPEN_NO_LOCK)
        return STORE_LOCK_NONE;
    if (flags & QCOW2_OPEN_FORCE_SHARE)
        return STORE_LOCK_FORCE_SHARE;
    return flags & QCOW2_OPEN_READ_ONLY ? STORE_LOCK_DATA_READER : STORE_LOCK_DATA_WRITER;
}

/* data: how it is opened, besides what is so for the image, too. */
static struct store *open_file(const struct qcow2_image *image, const char *filename,
                               const struct qcow2_open_options *data,
                               const struct qcow2_open_options *options)
{
    if (named_check_unused(image, filename, data->flags) == -1)
        return NULL;
    return storage_open_layer(filename, data, options, sharing_of(image->flags | data->flags));
}

static const struct qcow2_open_options plain_file = { .format = FORMAT_RAW };

static struct store *open_given(const struct qcow2_image *image,
                                const struct qcow2_open_options *options)
{
    const struct qcow2_open_options *data = options->data_file_options;

    return open_file(image, options->data_file, data ? data : &plain_file, options);
}

static struct store *open_recorded(const struct qcow2_image *image,
                                   const struct qcow2_open_options *options)
{
    const char *name = image->tables.header.data_file;
    CLEANUP_FREE char *path = NULL;
    struct store *store;

    if (name == NULL || name[0] == '\0') {
        error_set(EINVAL, "'data-file' is required for this image");
        return NULL;
    }
    if (options->data_file_policy != QCOW2_DATA_FILE_ALLOW) {
        named_refuse(image, EPERM, name, "opening external data files is not allowed");
        return NULL;
    }
    if (!named_is_file(name)) {
        named_refuse(image, ENOTSUP, name, "it is not a plain file name");
        return NULL;
    }
    path = image_find_data_file(image, name);
    store = path ? open_file(image, path, &plain_file, options) : NULL;
    if (path && store == NULL && error_errno() == ENOENT)
        error_set(ENOENT, "Could not open '%s': %s (the data file that '%s' names)", path,
                  strerror(ENOENT), image->filename);
    return store;
}

int image_data_file_candidates(struct qcow2_image *image, struct stat candidates[DATA_FILE_PLACES])
{
    bool unopened = image->tables_open && image->data_store == NULL;
    struct place places[DATA_FILE_PLACES];
    const char *name;
    int count = 0, r;
    READ_SCOPE(&image->operations);

    name = unopened && tables_has_data_file(&image->tables) ? image->tables.header.data_file : NULL;
    if (name == NULL || name[0] == '\0')
        return 0;
    r = look(image, name, places);
    for (int i = 0; i < DATA_FILE_PLACES; i++) {
        if (r == 0 && places[i].exists)
            candidates[count++] = places[i].file;
        free(places[i].path);
    }
    return r == 0 ? count : -1;
}

int image_open_data_file(struct qcow2_image *image, const struct qcow2_open_options *options)
{
    bool given = options->data_store != NULL || options->data_file != NULL;

    if (!tables_has_data_file(&image->tables))
        return given ? error_set(EINVAL, "'data-file' can only be set for images with an external "
                                         "data file")
                     : 0;
    if (image->flags & QCOW2_OPEN_NO_IO)
        return 0;
    image->data_store_lent = options->data_store != NULL;
    image->data_store = options->data_store  ? options->data_store
                        : options->data_file ? open_given(image, options)
                                             : open_recorded(image, options);
    if (image->data_store == NULL)
        return -1;
    image->tables.data = image->data_store;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Its length
 */

int image_grow_data_file(struct qcow2_image *image, uint64_t old_size, uint64_t size)
{
    bool raw = image->tables.header.autoclear_features & AUTOCLEAR_RAW_DATA_FILE;
    struct store *data = image->data_store;
    uint64_t length;

    if (data == NULL)
        return 0;
    if (store_size(data, &length) == -1)
        return -1;
    if (raw && length > old_size &&
        store_zero(data, min_u64(length, size) - old_size, old_size, true) == -1)
        return -1;
    return length < size ? store_truncate(data, size) : 0;
}

int image_shrink_data_file(struct qcow2_image *image, uint64_t size)
{
    struct store *data = image->data_store;
    uint64_t length;

    if (data == NULL)
        return 0;
    if (store_size(data, &length) == -1)
        return -1;
    atomic_store(&image->tables.data_length, 0); /* what was there is no longer */
    return length > size ? store_truncate(data, size) : 0;
}
