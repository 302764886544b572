/* SPDX-License-Identifier: BSD-3-Clause */
/* resize.c - qcow-img resize: change the size of the virtual disk, absolutely or by + or - */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "image-open.h"
#include "message.h"
#include "verb.h"

typedef struct {
    char sign; /* '+', '-' or 0: the size itself */
    uint64_t bytes;
} size_change;

static int parse_change(const char *text, size_change *change)
{
    CLEANUP_FREE char *why = NULL;
    int error;

    *change = (size_change){ .sign = text[0] == '+' || text[0] == '-' ? text[0] : 0 };
    text += change->sign ? 1 : 0;
    error = size_parse(text, &change->bytes);
    if (error == 0)
        return 0;
    why = size_refusal("size", text, error);
    error_report("%s", why);
    return -1;
}

/* The new size, or 0 when it is none: nothing, negative, or 8 EiB and more. */
static uint64_t changed_size(uint64_t size, size_change change)
{
    uint64_t result = change.bytes;

    if (change.sign == '+' && __builtin_add_overflow(size, change.bytes, &result))
        return 0;
    if (change.sign == '-')
        result = change.bytes < size ? size - change.bytes : 0;
    return result <= INT64_MAX ? result : 0;
}

static int refuse_size(const options *o, uint64_t old_size, uint64_t new_size)
{
    if (new_size == 0) {
        error_report("New image size must be positive");
        return -1;
    }
    if (new_size <= old_size && o->preallocation) {
        error_report("Preallocation can only be used for growing images");
        return -1;
    }
    if (new_size < old_size && !o->shrink) {
        error_report("Use the --shrink option to perform a shrink operation.");
        warning_report("Shrinking an image will delete all data beyond the shrunken image's end. "
                       "Before performing such an operation, make sure there is no important data "
                       "there.");
        return -1;
    }
    return 0;
}

static int resize(const options *o, qcow2_image *image, size_change change)
{
    uint64_t old_size = qcow2_get_size(image);
    uint64_t new_size = changed_size(old_size, change);
    uint32_t flags = o->preallocation;

    if (refuse_size(o, old_size, new_size))
        return -1;
    if (qcow2_resize(image, new_size, flags | (o->shrink ? QCOW2_RESIZE_SHRINK : 0))) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    return 0;
}

int run_resize(const options *o)
{
    size_change change;
    image_source source;
    qcow2_image *image;
    int result;

    if (o->nb_arguments < 2)
        return usage_error("Not enough arguments");
    if (o->nb_arguments > 2)
        return usage_error("Expecting image file name and size");
    if (parse_change(o->arguments[1], &change))
        return EXIT_FAILURE;
    source = image_source_of(o, 0);
    image = open_image(&source);
    if (!image)
        return EXIT_FAILURE;
    result = resize(o, image, change);
    if (close_image(image))
        result = -1;
    if (result == 0 && !o->quiet)
        printf("Image resized.\n");
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
