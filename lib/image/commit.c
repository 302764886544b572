/* SPDX-License-Identifier: BSD-3-Clause */
/* commit.c - the content of an image, and of those below it, into one of its backing files
 *
 *     base made as long as the disk | what the layers above it hold, copied into the base | barrier
 *     | the image emptied
 *
 * The image hides what is copied beneath it, so that the guest sees the same all the time, and a
 * cut harms nothing: the base then has more or less of what the image has.  Emptying (resize.c,
 * table/refcount_trim.c) is the inverse: what goes is in the base, durably.
 *
 * Images between the two, and other images above the base, are of no use afterwards.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "clock.h"
#include "guest/layers.h"
#include "image/image.h"
#include "image/progress.h"
#include "image/size.h"
#include "table/refcount_trim.h"

#define PIECE (UINT64_C(2) << 20) /* bytes copied at a time */

struct commit {
    struct qcow2_image *image;
    struct qcow2_image *base;
    uint8_t *bytes;
    uint64_t rate_limit; /* bytes copied in a second; 0: any */
    uint64_t copied;     /* bytes */
    struct timespec started;
    struct progress progress; /* in bytes of the disk */
};

/* Sleep until as much as has been copied was due. */
static void keep_rate(const struct commit *c)
{
    struct timespec when = clock_later(c->started, (double)c->copied / (double)c->rate_limit);

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
        continue;
}

/* A piece that some layer above the base holds. */
static int copy_piece(struct commit *c, uint64_t count, uint64_t offset, int held)
{
    if (held == LAYERS_ZEROES)
        return image_zero(c->base, count, offset, QCOW2_MAY_UNMAP);
    if (disk_read(c->image->disk, c->bytes, count, offset) == -1 ||
        image_write(c->base, c->bytes, count, offset, 0) == -1)
        return -1;
    c->copied += count;
    if (c->rate_limit > 0)
        keep_rate(c);
    return 0;
}

static int copy_range(struct commit *c, uint64_t count, uint64_t offset, int held)
{
    uint64_t most = held == LAYERS_DATA ? PIECE : count;

    for (uint64_t end = offset + count, n; offset < end; offset += n) {
        n = min_u64(end - offset, most);
        if (held != LAYERS_NOTHING && copy_piece(c, n, offset, held) == -1)
            return -1;
        if (progress_add(&c->progress, n) == -1)
            return -1;
    }
    return 0;
}

static int copy_disk(struct commit *c)
{
    uint64_t size = c->image->disk->size;

    for (uint64_t offset = 0, n; offset < size; offset += n) {
        int held = layers_look(c->image->disk, c->base->disk, size - offset, offset, &n);

        if (held == -1 || copy_range(c, n, offset, held) == -1)
            return -1;
    }
    return image_flush(c->base);
}

/* Everything that the image holds is in the base: it goes, and the file becomes as short as it
 * can. */
static int empty(struct qcow2_image *image)
{
    if (image_release_tables(&image->tables, 0, image->tables.l1_size) == -1 ||
        refcount_trim(&image->tables) == -1)
        return -1;
    return image_cut_file(image);
}

static struct qcow2_image *find_base(struct qcow2_image *image, unsigned depth)
{
    for (unsigned i = 0; i < depth && image; i++)
        image = image->backing;
    return image;
}

/* An emptied image would show what the images between have. */
static int check_emptying(struct qcow2_image *image, const struct qcow2_image *base)
{
    if (base != image->backing)
        return error_set(
            EINVAL,
            "Emptying '%s' is not possible after committing it into '%s', which is not "
            "its own backing file",
            image->filename, base->filename);
    return image_require_writable_qcow2(image, "Emptying");
}

static int check(struct qcow2_image *image, struct qcow2_image *base, uint32_t flags)
{
    if (image->disk == NULL)
        return error_set(EINVAL,
                         "Committing is not possible: '%s' was opened for its metadata only",
                         image->filename);
    if (image->disk->backing_missing)
        return error_set(EINVAL, "Committing '%s' needs its backing file, which was not opened",
                         image->filename);
    if (base == NULL || base == image)
        return error_set(EINVAL, "Image does not have a backing file");
    if (image_read_only(base))
        return error_set(EROFS, "Committing into '%s' is not possible: it is open read-only",
                         base->filename);
    return flags & QCOW2_COMMIT_KEEP ? 0 : check_emptying(image, base);
}

int image_commit(struct qcow2_image *image, unsigned depth, uint64_t rate_limit, uint32_t flags,
                 qcow2_progress_callback *progress, void *opaque)
{
    struct qcow2_image *base = find_base(image, depth);
    CLEANUP_FREE uint8_t *bytes = malloc(PIECE);
    struct commit c = { .image = image, .base = base, .bytes = bytes, .rate_limit = rate_limit };
    WRITE_SCOPE(&image->operations);

    if (bytes == NULL)
        return error_no_memory(), -1;
    if (check(image, base, flags) == -1)
        return -1;
    c.started = clock_now();
    c.progress = (struct progress){ progress, opaque, 0, image->disk->size };
    if (image->disk->size > base->disk->size && image_resize(base, image->disk->size, 0) == -1)
        return -1;
    if (copy_disk(&c) == -1 || (!(flags & QCOW2_COMMIT_KEEP) && empty(image) == -1))
        return -1;
    progress_end(&c.progress);
    return 0;
}
