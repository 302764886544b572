/* SPDX-License-Identifier: BSD-3-Clause */
/* create.c - qcow-img create: make an image
 *
 *     the options      checked against the table of the format
 *     the backing file opened once, to see that it is there and how large it is (-u: not)
 *     "Formatting..."  what will be made, with the defaults that matter; in JSON what was made
 *     the image
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "create-options.h"
#include "human.h"
#include "image-open.h"
#include "json.h"
#include "location.h"
#include "made.h"
#include "message.h"
#include "path.h"
#include "target.h"
#include "verb.h"

/* Everything is reported under the new image's name. */
static int refuse(const options *o, const char *sentence)
{
    error_report("%s: %s", o->arguments[0], sentence);
    return -1;
}

static int merge_backing(const options *o, const char *format, keyval_list *list)
{
    CLEANUP_FREE char *why = NULL;

    if (strcmp(format, "qcow2") != 0 && (o->backing || o->backing_format)) {
        why = xasprintf("Backing file%s not supported for file format '%s'",
                        o->backing ? "" : " format", format);
        return refuse(o, why);
    }
    if (o->backing)
        keyval_set(list, "backing_file", o->backing);
    if (o->backing_format)
        keyval_set(list, "backing_fmt", o->backing_format);
    return 0;
}

static int merge_size(const options *o, uint64_t size, keyval_list *list)
{
    CLEANUP_FREE char *text = xasprintf("%" PRIu64, size);

    if (keyval_get(list, "size"))
        return refuse(o, "The image size must be specified only once");
    keyval_set(list, "size", text);
    return 0;
}

static qcow2_image *open_backing(const options *o, const char *path, const char *format)
{
    CLEANUP_FREE char *why = NULL;
    image_source source =
        image_source_common(o, QCOW2_OPEN_READ_ONLY | QCOW2_OPEN_NO_IO | QCOW2_OPEN_FORCE_SHARE);
    qcow2_image *image;

    source.filename = path;
    source.format = format;
    image = try_open_image(&source, &why);
    if (!image)
        error_report("%s: %s\nCould not open backing image.", o->arguments[0], why);
    return image;
}

static const char same_file[] =
    "Error: Trying to create an image with the same filename as the backing file";

/* Files that creating the image empties, or NULL. */
typedef struct {
    const char *image, *data_file;
} emptied_files;

static bool empties_what_is_named(const emptied_files *emptied, const char *name)
{
    return target_is_named(name, emptied->image) ||
           (emptied->data_file && target_is_named(name, emptied->data_file));
}

static bool empties_what_is_read(const emptied_files *emptied, qcow2_image *image)
{
    return target_is_read(image, emptied->image) ||
           (emptied->data_file && target_is_read(image, emptied->data_file));
}

/* Looks at the backing file, which lends the new image its size where none was given. */
static int consult_backing(const options *o, const char *path, const char *format,
                           const emptied_files *emptied, keyval_list *list)
{
    CLEANUP_IMAGE qcow2_image *image = open_backing(o, path, format);
    CLEANUP_FREE char *size = NULL;
    qcow2_info info;

    if (!image)
        return -1;
    if (empties_what_is_read(emptied, image))
        return refuse(o, same_file);
    if (!format) {
        if (qcow2_get_info(image, &info, sizeof info))
            return refuse(o, qcow2_get_error());
        error_report("%s: Backing file specified without backing format\nDetected format of %s.",
                     o->arguments[0], info.format);
        return -1;
    }
    size = xasprintf("%" PRIu64, qcow2_get_size(image));
    if (!keyval_get(list, "size"))
        keyval_set(list, "size", size);
    return 0;
}

static int settle_backing(const options *o, const location *where, keyval_list *list)
{
    emptied_files emptied = { where->name, create_options_data_file(list) };
    const char *backing = keyval_get(list, "backing_file");
    const char *format = keyval_get(list, "backing_fmt");
    CLEANUP_FREE char *path = NULL;

    if (!backing)
        return 0;
    if (backing[0] == '\0')
        return refuse(o, "Expected backing file name, got empty string");
    if (!o->backing_unsafe && image_name_is_json(backing))
        return refuse(o, "Names with json: in images are not read, so none is recorded (-u does)");
    path = path_beside(o->arguments[0], backing);
    if (empties_what_is_named(&emptied, path))
        return refuse(o, same_file);
    if (!o->backing_unsafe)
        return consult_backing(o, path, format, &emptied, list);
    if (!format)
        return refuse(o, "Backing file specified without backing format");
    return 0;
}

static int settle(const options *o, const location *where, const char *format, const uint64_t *size,
                  keyval_list *list)
{
    CLEANUP_FREE char *why = NULL;

    if (create_options_check(list, format, &why))
        return refuse(o, why);
    if (merge_backing(o, format, list) || (size && merge_size(o, *size, list)))
        return -1;
    if (create_options_of_copy(list)) {
        why = xasprintf("'%s' is not kept in an image: it belongs to 'convert -c'",
                        create_options_of_copy(list));
        return refuse(o, why);
    }
    if (settle_backing(o, where, list))
        return -1;
    if (!keyval_get(list, "size"))
        return refuse(o, "Image creation needs a size parameter");
    create_options_add_defaults(list, format);
    return 0;
}

/* What the library says, or of a length that the file system does not allow what qemu-img says. */
static char *sentence_of_library(const char *format)
{
    if (qcow2_get_errno() != EFBIG || strcmp(format, "qcow2") == 0)
        return xstrdup(qcow2_get_error());
    return xasprintf("The image size is too large for file format '%s'", format);
}

/* On failure *why holds a sentence that the caller frees. */
static int create_at(const options *o, const location *where, const char *format,
                     const keyval_list *list, char **why)
{
    qcow2_create_options *chosen = create_options_make(list, format, why);
    int result = -1;

    if (chosen && qcow2_create_options_set_flags(chosen, where->nbd ? QCOW2_CREATE_NBD : 0) == 0)
        result = create_when_free(where->name, create_options_data_file(list), chosen, o->wait);
    if (result && !*why)
        *why = sentence_of_library(format);
    qcow2_create_options_free(chosen);
    return result;
}

static void print_json(const options *o, const char *format, const keyval_list *list)
{
    CLEANUP_JSON json_t *object = json_object();

    json_put(object, "filename", json_text(o->arguments[0]));
    json_put(object, "format", json_text(format));
    json_put(object, "options", create_options_json(list, format));
    json_print(object);
}

static int create(const options *o, const location *where, const char *format,
                  const keyval_list *list)
{
    CLEANUP_FREE char *name = printable(o->arguments[0]);
    CLEANUP_FREE char *text = create_options_text(list, format);
    CLEANUP_FREE char *printable_text = printable(text);
    CLEANUP_FREE char *why = NULL;

    if (!o->quiet && o->output == OUTPUT_HUMAN)
        printf("Formatting '%s', fmt=%s%s\n", name, format, printable_text);
    if (create_options_check_words(list, format, &why))
        return refuse(o, why);
    if (create_at(o, where, format, list, &why))
        return refuse(o, why);
    warn_of_backing_nbd(o, keyval_get(list, "backing_file"));
    if (!o->quiet && o->output == OUTPUT_JSON)
        print_json(o, format, list);
    return 0;
}

static int settle_and_create(const options *o, const location *where, const char *format,
                             const uint64_t *size)
{
    keyval_list list = { 0 };
    int result;

    for (size_t i = 0; i < o->creation.count; i++)
        keyval_set(&list, o->creation.items[i].key, o->creation.items[i].value);
    result = settle(o, where, format, size, &list) || create(o, where, format, &list);
    keyval_list_clear(&list);
    return result;
}

int run_create(const options *o)
{
    CLEANUP_LOCATION location where = { 0 };
    CLEANUP_FREE char *why = NULL;
    const char *format;
    uint64_t size;

    if (o->creation_help) {
        format = format_to_create(o->format, NULL);
        if (format)
            create_options_print_help(format, o->nb_arguments > 0, false);
        return format ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (o->nb_arguments == 0)
        return usage_error("Expecting image file name");
    if (o->nb_arguments > 1 && size_parse_argument("image size", o->arguments[1], &size))
        return EXIT_FAILURE;
    if (o->nb_arguments > 2)
        return usage_error("Unexpected argument: %s", o->arguments[2]);
    format = format_to_create(o->format, o->arguments[0]);
    if (!format)
        return EXIT_FAILURE;
    if (location_read(&where, o->arguments[0], &why) ||
        settle_and_create(o, &where, format, o->nb_arguments > 1 ? &size : NULL)) {
        if (why)
            refuse(o, why);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
