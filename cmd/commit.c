/* SPDX-License-Identifier: BSD-3-Clause */
/* commit.c - qcow-img commit: write an image's content into its backing file, or one further
 * down */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image-open.h"
#include "message.h"
#include "path.h"
#include "progress.h"
#include "verb.h"
#include "words.h"

/* Does the user mean the backing file of this image? */
static bool is_backing_of(qcow2_image *image, const char *name)
{
    CLEANUP_FREE char *path = path_beside(qcow2_get_filename(image), name);
    qcow2_info info;

    if (qcow2_get_info(image, &info, sizeof info) || !info.backing_filename)
        return false;
    return strcmp(info.backing_filename, name) == 0 ||
           path_is_same_file(skip_prefix(info.full_backing_filename, "file:"), path);
}

/* How far down the chain the base is; 0 after an error report. */
static unsigned depth_of_base(const options *o)
{
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO);
    CLEANUP_IMAGE qcow2_image *image = open_image(&source);
    unsigned depth = 1;

    if (!image)
        return 0;
    for (qcow2_image *above = image; above; above = qcow2_get_backing(above), depth++)
        if (is_backing_of(above, o->backing))
            return depth;
    error_report("Did not find '%s' in the backing chain of '%s'", o->backing, o->arguments[0]);
    return 0;
}

static int commit(const options *o, qcow2_image *image, unsigned depth)
{
    uint32_t flags = o->drop || o->backing ? QCOW2_COMMIT_KEEP : 0;
    progress p;
    int result;

    if (!qcow2_get_backing(image)) {
        error_report("Image does not have a backing file");
        return -1;
    }
    progress_begin(&p, o->progress && !o->quiet, PROGRESS_IN_BYTES, 1);
    result = qcow2_commit(image, depth, o->rate_limit, flags, progress_show, &p);
    if (result)
        error_report("%s", qcow2_get_error());
    progress_end(&p, result == 0);
    return result;
}

int run_commit(const options *o)
{
    image_source source;
    qcow2_image *image;
    unsigned depth = 1;
    int result;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    if (check_cache_mode("cache", o->cache))
        return EXIT_FAILURE;
    if (o->backing && (depth = depth_of_base(o)) == 0)
        return EXIT_FAILURE;
    source = image_source_of(o, QCOW2_OPEN_DISCARD);
    source.writable_backing = depth;
    image = open_image(&source);
    if (!image)
        return EXIT_FAILURE;
    result = commit(o, image, depth);
    if (close_image(image))
        result = -1;
    if (result == 0 && !o->quiet)
        printf("Image committed.\n");
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
