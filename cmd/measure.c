/* SPDX-License-Identifier: BSD-3-Clause */
/* measure.c - qcow-img measure: how large a new image would become
 *
 *     the disk         one of a given size, without content; or that of an image or of a snapshot
 *     the new image    format and options as for create
 *     the answer       bytes that its file takes at most with that content, and fully allocated
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "create-options.h"
#include "image-open.h"
#include "json.h"
#include "message.h"
#include "snapshot-open.h"
#include "verb.h"

static int check_arguments(const options *o)
{
    bool sized = o->measured_size != UINT64_MAX;
    const char *refusal = NULL;

    if (o->nb_arguments > 1)
        refusal = "At most one filename argument is allowed.";
    else if (o->nb_arguments == 0 && (o->image_opts || o->format || o->snapshot))
        refusal = "--image-opts, -f, and -l require a filename argument.";
    else if (o->nb_arguments == 0 && !sized)
        refusal = "Either --size N or one filename must be specified.";
    else if (o->nb_arguments == 1 && sized)
        refusal = "--size N cannot be used together with a filename.";
    if (!refusal)
        return 0;
    error_report("%s", refusal);
    return -1;
}

/* The size is that of the disk, whatever the options say.  A disk that is but a size has no content
 * which a backing file could hold. */
static void settle(const options *o, keyval_list *list)
{
    CLEANUP_FREE char *size = xasprintf("%" PRIu64, o->measured_size);

    for (size_t i = 0; i < o->creation.count; i++) {
        const keyval *item = &o->creation.items[i];

        if (strcmp(item->key, "size") != 0 &&
            (o->nb_arguments > 0 || strcmp(item->key, "backing_file") != 0))
            keyval_set(list, item->key, item->value);
    }
    if (o->nb_arguments == 0)
        keyval_set(list, "size", size);
}

/* A size among the options does not count, but must be one. */
static int check_size(const options *o, const char *format, char **why)
{
    const char *size = keyval_get(&o->creation, "size");
    keyval_list list = { 0 };
    int result = 0;

    if (size) {
        keyval_set(&list, "size", size);
        result = create_options_check(&list, format, why);
        keyval_list_clear(&list);
    }
    return result;
}

static qcow2_create_options *make_options(const options *o, const char *format)
{
    CLEANUP_FREE char *why = NULL;
    keyval_list list = { 0 };
    qcow2_create_options *new = NULL;

    settle(o, &list);
    if (check_size(o, format, &why) || create_options_check(&list, format, &why)) {
        error_report("%s", why);
        error_report("Invalid options for file format '%s'", format);
    } else if (create_options_check_words(&list, format, &why)) {
        error_report("%s", why);
    } else {
        new = create_options_make(&list, format, &why);
        if (!new)
            error_report("%s", why);
    }
    keyval_list_clear(&list);
    return new;
}

/* Bitmaps are copied between version-3 images. */
static int tells_bitmaps(const options *o, const char *format, qcow2_image *source, bool *bitmaps)
{
    const char *compat = keyval_get(&o->creation, "compat");
    bool old = compat && (strcmp(compat, "0.10") == 0 || strcmp(compat, "v2") == 0);
    qcow2_info info = { 0 };

    if (source && qcow2_get_info(source, &info, sizeof info))
        return -1;
    *bitmaps = strcmp(format, "qcow2") == 0 && !old && info.version >= 3;
    return 0;
}

static void print(const options *o, const qcow2_measurement *m, bool bitmaps)
{
    CLEANUP_JSON json_t *object = NULL;

    if (o->output == OUTPUT_HUMAN) {
        printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", m->required,
               m->fully_allocated);
        if (bitmaps)
            printf("bitmaps size: %" PRIu64 "\n", m->bitmaps);
        return;
    }
    object = json_object();
    if (bitmaps)
        json_put(object, "bitmaps", json_number(m->bitmaps));
    json_put(object, "required", json_number(m->required));
    json_put(object, "fully-allocated", json_number(m->fully_allocated));
    json_print(object);
}

static int measure(const options *o, const char *format, qcow2_image *source)
{
    qcow2_create_options *new = make_options(o, format);
    qcow2_measurement m;
    bool bitmaps = false;
    int result;

    if (!new)
        return -1;
    result = qcow2_measure(new, source, &m, sizeof m);
    qcow2_create_options_free(new);
    if (result == 0)
        result = tells_bitmaps(o, format, source, &bitmaps);
    if (result == 0)
        print(o, &m, bitmaps);
    else
        error_report("%s", qcow2_get_error());
    return result;
}

static qcow2_image *open_source(const options *o)
{
    image_source source = image_source_of(o, QCOW2_OPEN_READ_ONLY);

    return o->snapshot ? open_image_snapshot(&source, o->snapshot) : open_image(&source);
}

static int refuse_format(const char *name)
{
    error_report(format_known(name) || format_is_foreign(name)
                     ? "Block driver '%s' does not support size measurement"
                     : "Unknown file format '%s'",
                 name);
    return EXIT_FAILURE;
}

int run_measure(const options *o)
{
    const char *wanted = o->target_format ? o->target_format : "raw";
    const char *format = format_known(wanted);
    bool measured = format && strcmp(format, "qcow") != 0;
    CLEANUP_IMAGE qcow2_image *source = NULL;

    if (measured && o->creation_help) {
        create_options_print_help(format, false, false);
        return EXIT_SUCCESS;
    }
    if (check_arguments(o))
        return EXIT_FAILURE;
    if (o->nb_arguments > 0) {
        source = open_source(o);
        if (!source)
            return EXIT_FAILURE;
    }
    if (!measured)
        return refuse_format(wanted);
    return measure(o, format, source) ? EXIT_FAILURE : EXIT_SUCCESS;
}
