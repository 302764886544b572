/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap_ops.c - what users do with bitmaps: add, remove, clear, enable, disable, list, measure */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/bitmap.h"
#include "image/image.h"

#define MIN_DEFAULT_GRANULARITY_BITS 12u
#define MAX_DEFAULT_GRANULARITY_BITS 16u

/* ------------------------------------------------------------------------------------------------
 * What all need
 */

static int require_bitmaps(struct qcow2_image *image)
{
    if (image->format != FORMAT_QCOW2)
        return error_set(ENOTSUP, "'%s' is no qcow2 image: it has no bitmaps", image->filename);
    return bitmaps_load(image, false);
}

/* A bitmap that may be removed; whether its bits are good is another question. */
static struct bitmap *find_to_change(struct qcow2_image *image, const char *name,
                                     const char *operation)
{
    if (image_require_writable_qcow2(image, operation) == -1)
        return NULL;
    return bitmap_find(image, name);
}

int bitmap_refuse_inconsistent(const struct bitmap *b)
{
    if (!bitmap_is_inconsistent(b))
        return 0;
    error_set(EINVAL, "Bitmap '%s' is inconsistent and cannot be used", b->entry.name);
    return error_hint("All that can be done with it is to remove it");
}

struct bitmap *bitmap_find_to_use(struct qcow2_image *image, const char *name,
                                  const char *operation)
{
    struct bitmap *b = find_to_change(image, name, operation);

    return b != NULL && bitmap_refuse_inconsistent(b) == 0 ? b : NULL;
}

int bitmaps_store_all(struct qcow2_image *image)
{
    struct bitmap **list = bitmaps_copy_list(&image->bitmaps, 0);

    return list ? bitmaps_store(image, list, image->bitmaps.count) : -1;
}

/* The list with a new bitmap behind the others, or in the place of one of them. */
static int store_with(struct qcow2_image *image, struct bitmap *new, const struct bitmap *instead)
{
    uint32_t count = image->bitmaps.count;
    struct bitmap **list = bitmaps_copy_list(&image->bitmaps, 1);
    int r = -1;

    if (list != NULL) {
        list[count] = new;
        for (uint32_t i = 0; i < count; i++)
            if (list[i] == instead)
                list[i] = new;
        r = bitmaps_store(image, list, instead ? count : count + 1);
    }
    if (r == -1 && !bitmaps_hold(&image->bitmaps, new))
        bitmap_free(new);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Add and remove
 */

static int granularity_bits(const struct qcow2_image *image, uint64_t granularity, uint32_t *bits)
{
    *bits = image->tables.geometry.cluster_bits;
    if (granularity == 0) {
        *bits = *bits < MIN_DEFAULT_GRANULARITY_BITS   ? MIN_DEFAULT_GRANULARITY_BITS
                : *bits > MAX_DEFAULT_GRANULARITY_BITS ? MAX_DEFAULT_GRANULARITY_BITS
                                                       : *bits;
        return 0;
    }
    for (*bits = MIN_BITMAP_GRANULARITY_BITS; *bits <= MAX_BITMAP_GRANULARITY_BITS; ++*bits)
        if (granularity == UINT64_C(1) << *bits)
            return 0;
    return error_set(EINVAL, "Granularity must be power of 2 and at least 512");
}

static int check_new(struct qcow2_image *image, const char *name)
{
    if (image_require_writable_qcow2(image, "Adding a bitmap") == -1)
        return -1;
    if (name[0] == '\0')
        return error_set(EINVAL, "Bitmap name cannot be empty");
    if (strlen(name) > MAX_BITMAP_NAME_SIZE)
        return error_set(EINVAL, "Name length exceeds maximum (%u characters)",
                         MAX_BITMAP_NAME_SIZE);
    if (image->tables.header.version < 3)
        return error_set(ENOTSUP, "Cannot store dirty bitmaps in qcow2 v2 files");
    if (image->tables.header.size == 0)
        return error_set(EINVAL, "'%s' is an empty disk: QEMU would not open it with a bitmap",
                         image->filename);
    if (bitmap_find(image, name) != NULL)
        return error_set(EEXIST, "Bitmap already exists: %s", name);
    if (image->bitmaps.count >= MAX_BITMAPS)
        return error_set(EFBIG, "Maximum number of persistent bitmaps is already reached");
    return 0;
}

int image_bitmap_add(struct qcow2_image *image, const char *name, uint64_t granularity,
                     uint32_t flags)
{
    struct bitmap *b;
    uint32_t bits;
    WRITE_SCOPE(&image->operations);

    if (require_bitmaps(image) == -1 || check_new(image, name) == -1 ||
        granularity_bits(image, granularity, &bits) == -1)
        return -1;
    b = bitmap_new(name, bits, image->tables.header.size);
    if (b == NULL)
        return -1;
    b->entry.flags = flags & QCOW2_BITMAP_ENABLED ? BITMAP_AUTO : 0;
    return store_with(image, b, NULL);
}

int image_bitmap_remove(struct qcow2_image *image, const char *name)
{
    struct bitmap **list, *gone;
    uint32_t count = 0;
    WRITE_SCOPE(&image->operations);

    if (require_bitmaps(image) == -1)
        return -1;
    gone = find_to_change(image, name, "Removing a bitmap");
    if (gone == NULL || (list = bitmaps_copy_list(&image->bitmaps, 0)) == NULL)
        return -1;
    for (uint32_t i = 0; i < image->bitmaps.count; i++)
        if (list[i] != gone)
            list[count++] = list[i];
    return bitmaps_store(image, list, count);
}

/* ------------------------------------------------------------------------------------------------
 * Clear, enable, disable
 */

int image_bitmap_clear(struct qcow2_image *image, const char *name)
{
    struct bitmap *b, *empty;
    WRITE_SCOPE(&image->operations);

    if (require_bitmaps(image) == -1)
        return -1;
    b = bitmap_find_to_use(image, name, "Clearing a bitmap");
    if (b == NULL)
        return -1;
    empty = bitmap_new(name, b->entry.granularity_bits, image->tables.header.size);
    if (empty == NULL)
        return -1;
    empty->entry.flags = b->entry.flags;
    return store_with(image, empty, b);
}

int image_bitmap_enable(struct qcow2_image *image, const char *name, bool enable)
{
    struct bitmap *b;
    WRITE_SCOPE(&image->operations);

    if (require_bitmaps(image) == -1)
        return -1;
    b = bitmap_find_to_use(image, name, enable ? "Enabling a bitmap" : "Disabling a bitmap");
    if (b == NULL)
        return -1;
    if (bitmap_is_enabled(b) == enable)
        return 0;
    b->entry.flags ^= BITMAP_AUTO;
    if (bitmaps_store_all(image) == 0)
        return 0;
    b->entry.flags ^= BITMAP_AUTO;
    bitmaps_update_tracking(&image->bitmaps);
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * List
 */

static int copy_list(struct qcow2_image *image, struct bitmap_entry **list, uint32_t *count)
{
    WRITE_SCOPE(&image->operations);

    if (require_bitmaps(image) == -1)
        return -1;
    *list = calloc((size_t)image->bitmaps.count + 1, sizeof **list);
    if (*list == NULL)
        return error_no_memory(), -1;
    for (*count = 0; *count < image->bitmaps.count; ++*count) {
        struct bitmap_entry *copy = &(*list)[*count];

        *copy = image->bitmaps.list[*count]->entry;
        copy->name = strdup(copy->name);
        if (copy->name == NULL)
            return error_no_memory(), -1;
    }
    return 0;
}

static qcow2_bitmap bitmap_shown(const struct bitmap_entry *entry)
{
    return (qcow2_bitmap){
        .name = entry->name,
        .granularity = UINT64_C(1) << entry->granularity_bits,
        .flags = (entry->flags & BITMAP_AUTO ? QCOW2_BITMAP_ENABLED : 0) |
                 (entry->flags & BITMAP_IN_USE ? QCOW2_BITMAP_INCONSISTENT : 0),
    };
}

int image_bitmap_list(struct qcow2_image *image, qcow2_bitmap_callback *callback, void *opaque)
{
    struct bitmap_entry *list = NULL;
    uint32_t count = 0;
    int r = copy_list(image, &list, &count);

    for (uint32_t i = 0; i < count && r == 0; i++) {
        qcow2_bitmap bitmap = bitmap_shown(&list[i]);

        r = callback(opaque, &bitmap);
    }
    for (uint32_t i = 0; i < count; i++)
        free(list[i].name);
    free(list);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Measure
 */

int image_bitmap_measure(struct qcow2_image *image, uint64_t cluster_size, uint64_t *bytes)
{
    uint64_t directory = 0;
    WRITE_SCOPE(&image->operations);

    *bytes = 0;
    if (image->format != FORMAT_QCOW2)
        return 0;
    if (bitmaps_load(image, false) == -1)
        return -1;
    for (uint32_t i = 0; i < image->bitmaps.count; i++) {
        const struct bitmap_entry *e = &image->bitmaps.list[i]->entry;
        uint64_t bits = bitmap_bits(image->tables.header.size, e->granularity_bits);
        uint64_t clusters = div_round_up(div_round_up(bits, 8), cluster_size);

        *bytes += clusters * cluster_size;
        *bytes += round_up(clusters * BITMAP_TABLE_ENTRY_SIZE, cluster_size);
        directory += bitmap_entry_size(e->name_size);
    }
    *bytes += round_up(directory, cluster_size);
    return 0;
}
