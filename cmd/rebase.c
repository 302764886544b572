/* SPDX-License-Identifier: BSD-3-Clause */
/* rebase.c - qcow-img rebase: give an image another backing file */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "image-open.h"
#include "message.h"
#include "path.h"
#include "progress.h"
#include "target.h"
#include "verb.h"

/* The new backing file's name, NULL: none. */
static const char *new_name(const options *o)
{
    return o->backing && o->backing[0] ? o->backing : NULL;
}

static qcow2_image *open_overlay(const options *o)
{
    image_source source = image_source_of(o, QCOW2_OPEN_DISCARD);

    source.flags &= ~QCOW2_OPEN_FORCE_SHARE;
    source.cache = o->cache;
    if (o->backing_unsafe)
        source.backing = QCOW2_BACKING_IGNORE;
    return open_image(&source);
}

/* Sets *new_backing to the image (NULL: none) unless it fails. */
static int open_new_backing(const options *o, qcow2_image *image, qcow2_image **new_backing)
{
    CLEANUP_FREE char *why = NULL;
    CLEANUP_FREE char *path = NULL;
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY);

    *new_backing = NULL;
    if (!new_name(o) || o->backing_unsafe)
        return 0;
    path = path_beside(qcow2_get_filename(image), o->backing);
    source.filename = path;
    source.format = o->backing_format;
    source.image_opts = false;
    source.cache = o->source_cache;
    *new_backing = try_open_image(&source, &why);
    if (*new_backing)
        return 0;
    error_report("Could not open new backing file '%s': %s", o->backing, why);
    return -1;
}

static void report_refusal(const options *o)
{
    error_report("Could not change the backing file to '%s': %s", new_name(o) ? o->backing : "",
                 qcow2_get_error());
}

/* By name only, for -u, which opens nothing.  (One that is a part of its file may name another
 * part.) */
static bool names_itself(const options *o, qcow2_image *image)
{
    const char *filename = qcow2_get_filename(image);
    CLEANUP_FREE char *path = new_name(o) ? path_beside(filename, o->backing) : NULL;

    return path && o->backing_unsafe && !o->image_opts && !path_has_protocol(o->arguments[0]) &&
           target_is_named(path, filename);
}

/* Whatever is refused is refused before the work. */
static int check(const options *o, qcow2_image *image)
{
    qcow2_info info;

    if (o->backing_format && !format_known(o->backing_format)) {
        error_report("Invalid format name: '%s'", o->backing_format);
        return -1;
    }
    if (!o->backing_unsafe && new_name(o) && image_name_is_json(o->backing)) {
        error_report("Could not change the backing file to '%s': names with json: in images are "
                     "not read, so none is recorded (-u does)",
                     o->backing);
        return -1;
    }
    if (names_itself(o, image)) {
        error_report("Could not change the backing file to '%s': it is the image itself",
                     o->backing);
        return -1;
    }
    if (qcow2_get_info(image, &info, sizeof info)) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    if (strcmp(info.format, "qcow2") != 0) {
        error_report("Could not change the backing file to '%s': %s", o->backing ? o->backing : "",
                     strerror(ENOTSUP));
        return -1;
    }
    if (info.nb_snapshots > 0 && !o->quiet)
        warning_report("Internal snapshots of '%s' will show the new backing file where they hold "
                       "nothing themselves.",
                       qcow2_get_filename(image));
    return 0;
}

static int rebase(const options *o, qcow2_image *image)
{
    qcow2_image *new_backing;
    progress p;
    int result;

    if (check(o, image) || open_new_backing(o, image, &new_backing))
        return -1;
    progress_begin(&p, o->progress && !o->quiet, PROGRESS_IN_BYTES, 1);
    result = qcow2_rebase(image, new_name(o), o->backing_format, new_backing,
                          o->backing_unsafe ? QCOW2_REBASE_UNSAFE : 0, progress_show, &p);
    if (result)
        report_refusal(o);
    else
        warn_of_backing_nbd(o, new_name(o));
    progress_end(&p, result == 0);
    qcow2_close(new_backing);
    return result;
}

int run_rebase(const options *o)
{
    qcow2_image *image;
    int result;

    if (o->nb_arguments != 1)
        return usage_error("Expecting one image file name");
    if (!o->backing && !o->backing_unsafe)
        return usage_error("Must specify backing file (-b) or use unsafe mode (-u)");
    if (check_cache_mode("cache", o->cache) || check_cache_mode("source cache", o->source_cache))
        return EXIT_FAILURE;
    image = open_overlay(o);
    if (!image)
        return EXIT_FAILURE;
    result = rebase(o, image);
    if (close_image(image))
        result = -1;
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}
