/* SPDX-License-Identifier: BSD-3-Clause */
/* uses.c - which files an image is made of
 *
 *     image
 *       its store          a file, or the disk of another image, which has all of this again
 *       its data file      the same
 *       its backing image  the same
 *
 * Of a file that is more than one disk (partitions), parts are told from each other by their place,
 * as far as that is known.
 *
 * Of a data file that was not opened only the name is known, which may mean more than one file: all
 * of them count.
 *
 * Locks: the operations of one image at a time, to read that name; nothing else here changes while
 * an image is open.
 */

#include "image/uses.h"

#include "image/data_file.h"
#include "image/image_store.h"

/* One of the two. */
struct sought {
    const struct stat *file;
    struct store *place;
};

static bool may_overlap(struct store *a, struct store *b)
{
    uint64_t a_offset, b_offset, a_size, b_size;

    store_bottom(a, &a_offset);
    store_bottom(b, &b_offset);
    return a_offset == STORE_SCATTERED || b_offset == STORE_SCATTERED ||
           store_size(a, &a_size) == -1 || store_size(b, &b_size) == -1 ||
           ranges_overlap(a_offset, a_size, b_offset, b_size);
}

static bool is_sought(struct store *store, const struct sought *sought)
{
    if (sought->file)
        return store_is_file(store, sought->file);
    return store_same_file(store, sought->place) && may_overlap(store, sought->place);
}

static bool is_sought_file(const struct stat *file, const struct sought *sought)
{
    if (sought->file)
        return store_same_inode(file, sought->file);
    return store_is_file(sought->place, file);
}

/* Where it cannot be found out, it may be. */
static bool may_be_data_file(struct qcow2_image *image, const struct sought *sought)
{
    struct stat candidates[DATA_FILE_PLACES];
    int count = image_data_file_candidates(image, candidates);

    for (int i = 0; i < count; i++)
        if (is_sought_file(&candidates[i], sought))
            return true;
    return count == -1;
}

static bool image_has(struct qcow2_image *image, const struct sought *sought);

static bool store_has(struct store *store, const struct sought *sought)
{
    if (store == NULL)
        return false;
    if (is_sought(store, sought))
        return true;
    for (; store; store = store->below) {
        struct qcow2_image *inside = image_store_image(store);

        if (inside)
            return image_has(inside, sought);
    }
    return false;
}

static bool image_has(struct qcow2_image *image, const struct sought *sought)
{
    for (; image; image = image->backing)
        if (store_has(image->store, sought) || store_has(image->data_store, sought) ||
            may_be_data_file(image, sought))
            return true;
    return false;
}

bool image_uses_file(struct qcow2_image *image, const struct stat *file)
{
    return image_has(image, &(struct sought){ .file = file });
}

static bool uses_store(struct qcow2_image *image, struct store *written)
{
    if (written == NULL)
        return false;
    if (image_has(image, &(struct sought){ .place = written }))
        return true;
    for (; written; written = written->below) {
        struct qcow2_image *inside = image_store_image(written);

        if (inside)
            return image_uses_file_of(image, inside);
    }
    return false;
}

bool image_uses_file_of(struct qcow2_image *image, struct qcow2_image *written)
{
    struct stat candidates[DATA_FILE_PLACES];
    int count = image_data_file_candidates(written, candidates);

    for (int i = 0; i < count; i++)
        if (image_uses_file(image, &candidates[i]))
            return true;
    return count == -1 || uses_store(image, written->store) ||
           uses_store(image, written->data_store);
}
