/* SPDX-License-Identifier: BSD-3-Clause */
/* convert-bitmaps.c - the part of convert that copies persistent bitmaps */

#include "convert-bitmaps.h"

#include <stdlib.h>

#include "cleanup.h"
#include "message.h"

typedef struct {
    char *name;
    uint64_t granularity;
    uint32_t flags;
} bitmap;

typedef struct {
    bitmap *bitmaps;
    size_t count;
} bitmap_list;

static void list_clear(bitmap_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->bitmaps[i].name);
    free(list->bitmaps);
}

#define CLEANUP_LIST __attribute__((cleanup(list_clear)))

static int add_to_list(void *opaque, const qcow2_bitmap *from)
{
    bitmap_list *list = opaque;

    list->bitmaps = xrealloc(list->bitmaps, (list->count + 1) * sizeof *list->bitmaps);
    list->bitmaps[list->count++] = (bitmap){ xstrdup(from->name), from->granularity, from->flags };
    return 0;
}

static int list_bitmaps(qcow2_image *image, bitmap_list *list)
{
    if (qcow2_bitmap_list(image, add_to_list, list) == 0)
        return 0;
    error_report("%s", qcow2_get_error());
    return -1;
}

/* The version of an image that may have bitmaps is at least 3. */
static int check_version(qcow2_image *image, const char *refusal)
{
    qcow2_info info;

    if (qcow2_get_info(image, &info, sizeof info) == -1)
        refusal = qcow2_get_error();
    else if (info.version >= 3)
        return 0;
    error_report("%s", refusal);
    return -1;
}

int check_source_bitmaps(qcow2_image *source, bool skip_broken)
{
    CLEANUP_LIST bitmap_list list = { 0 };

    if (check_version(source, "Source lacks bitmap support") == -1 ||
        list_bitmaps(source, &list) == -1)
        return -1;
    for (size_t i = list.count; i-- > 0 && !skip_broken;) {
        if (list.bitmaps[i].flags & QCOW2_BITMAP_INCONSISTENT) {
            error_report("Cannot copy inconsistent bitmap '%s'\nTry --skip-broken-bitmaps, or use "
                         "'%s bitmap --remove' to delete it",
                         list.bitmaps[i].name, message_program());
            return -1;
        }
    }
    return 0;
}

int check_target_bitmaps(qcow2_image *target)
{
    return check_version(target, "Format driver 'qcow2' does not support bitmaps");
}

static int copy_bitmap(qcow2_image *source, qcow2_image *target, const bitmap *b)
{
    if (qcow2_bitmap_add(target, b->name, b->granularity, b->flags & QCOW2_BITMAP_ENABLED) == -1) {
        error_report("Failed to create bitmap %s: %s", b->name, qcow2_get_error());
        return -1;
    }
    if (qcow2_bitmap_merge(target, b->name, source, b->name) == 0)
        return 0;
    error_report("Failed to populate bitmap %s: %s", b->name, qcow2_get_error());
    qcow2_bitmap_remove(target, b->name);
    return -1;
}

int copy_bitmaps(qcow2_image *source, qcow2_image *target, bool skip_broken)
{
    CLEANUP_LIST bitmap_list list = { 0 };

    if (list_bitmaps(source, &list) == -1)
        return -1;
    for (size_t i = list.count; i-- > 0 && skip_broken;)
        if (list.bitmaps[i].flags & QCOW2_BITMAP_INCONSISTENT)
            warning_report("Skipping inconsistent bitmap '%s'", list.bitmaps[i].name);
    for (size_t i = 0; i < list.count; i++)
        if (!(list.bitmaps[i].flags & QCOW2_BITMAP_INCONSISTENT) &&
            copy_bitmap(source, target, &list.bitmaps[i]) == -1)
            return -1;
    return 0;
}
