/* SPDX-License-Identifier: BSD-3-Clause */
/* amend.c - qcow-img amend: change the format options of an existing image */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "create-options.h"
#include "image-open.h"
#include "message.h"
#include "option-value.h"
#include "progress.h"
#include "verb.h"

/* In the order of help. */
static const struct {
    const char *name;
    value_type type;
    const char *help;
} table[] = {
    { "backing_file", VALUE_STRING, "File name of a base image" },
    { "backing_fmt", VALUE_STRING, "Image format of the base image" },
    { "compat", VALUE_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])" },
    { "data_file", VALUE_STRING, "File name of an external data file" },
    { "data_file_raw", VALUE_SWITCH, "The external data file must stay valid as a raw image" },
    { "encrypt.iter-time", VALUE_NUMBER, "Time to spend in PBKDF in milliseconds" },
    { "encrypt.keyslot", VALUE_NUMBER, "Select a single keyslot to modify explicitly" },
    { "encrypt.new-secret", VALUE_STRING,
      "New secret to set in the matching keyslots. Empty string to erase" },
    { "encrypt.old-secret", VALUE_STRING, "Select all keyslots that match this password" },
    { "encrypt.state", VALUE_STRING, "Select new state of affected keyslots (active/inactive)" },
    { "lazy_refcounts", VALUE_SWITCH, "Postpone refcount updates" },
    { "refcount_bits", VALUE_NUMBER, "Width of a reference count entry in bits" },
    { "size", VALUE_SIZE, "Virtual disk size" },
};

enum {
    TABLE_ROWS = sizeof table / sizeof *table,
};

static int find_row(const char *name)
{
    for (int i = 0; i < TABLE_ROWS; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    error_report("Invalid parameter '%s'%s", name,
                 create_options_know(name) ? "\nThis option is only supported for image creation"
                                           : "");
    return -1;
}

static int print_options(const char *format)
{
    if (!format_known(format)) {
        error_report("Unknown file format '%s'", format);
        return EXIT_FAILURE;
    }
    if (strcmp(format, "qcow2") != 0) {
        error_report("Format driver '%s' does not support option amendment", format);
        return EXIT_FAILURE;
    }
    printf("Amend options for '%s':\n", format);
    for (int i = 0; i < TABLE_ROWS; i++)
        option_value_print_help(table[i].name, table[i].type, table[i].help);
    return EXIT_SUCCESS;
}

/* Names and kinds of values first, then what the values say, as QEMU does. */
static int rewrite_values(const keyval_list *given, keyval_list *rewritten)
{
    for (size_t i = 0; i < given->count; i++) {
        const keyval *item = &given->items[i];
        CLEANUP_FREE char *why = NULL;
        CLEANUP_FREE char *value = NULL;
        int row = find_row(item->key);

        if (row < 0)
            return -1;
        value = option_value_rewrite(item->key, table[row].type, item->value, &why);
        if (!value) {
            error_report("%s", why);
            return -1;
        }
        keyval_set(rewritten, item->key, value);
    }
    return 0;
}

static int fill_options(qcow2_amend_options *changes, const keyval_list *list)
{
    for (int i = 0; i < TABLE_ROWS; i++) {
        const char *value = keyval_get(list, table[i].name);

        if (value && qcow2_amend_options_set(changes, table[i].name, value)) {
            error_report("%s", qcow2_get_error());
            return -1;
        }
    }
    return 0;
}

static int show_progress(void *opaque, uint64_t done, uint64_t total)
{
    progress_at(opaque, done, total);
    return 0;
}

static void report_refusal(void)
{
    const char *sentence = qcow2_get_error();

    if (strcmp(sentence, "Cannot amend the backing file") == 0)
        error_report("%s\nYou can use '%s rebase' instead.", sentence, message_program());
    else
        error_report("%s", sentence);
}

static int change(const options *o, qcow2_image *image, const qcow2_amend_options *changes)
{
    progress p;
    int result;

    progress_begin(&p, o->progress && !o->quiet, 1);
    result = qcow2_amend(image, changes, show_progress, &p);
    if (result)
        report_refusal();
    progress_end(&p);
    return result;
}

static int amend(const options *o, qcow2_image *image)
{
    qcow2_amend_options *changes = qcow2_amend_options_new();
    keyval_list values = { 0 };
    int result = -1;

    if (changes && rewrite_values(&o->creation, &values) == 0 &&
        fill_options(changes, &values) == 0)
        result = change(o, image, changes);
    keyval_list_clear(&values);
    qcow2_amend_options_free(changes);
    return result;
}

static int amend_file(const options *o)
{
    image_source source = image_source_of(o, 0);
    qcow2_image *image = open_image(&source);
    qcow2_info info;
    int result;

    if (!image)
        return EXIT_FAILURE;
    if (qcow2_get_info(image, &info, sizeof info)) {
        error_report("%s", qcow2_get_error());
        result = -1;
    } else if (o->creation_help || strcmp(info.format, "qcow2") != 0) {
        result = print_options(info.format);
    } else {
        result = amend(o, image);
    }
    if (close_image(image))
        result = -1;
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

int run_amend(const options *o)
{
    uint32_t flags;

    if (!o->creation_help && o->creation.count == 0)
        return usage_error("Must specify options (-o)");
    if (o->creation_help && o->format)
        return print_options(o->format);
    if (o->nb_arguments != 1) {
        error_report("Expecting one image file name");
        return EXIT_FAILURE;
    }
    if (o->cache && cache_mode_flags(o->cache, &flags)) {
        error_report("Invalid cache option: %s", o->cache);
        return EXIT_FAILURE;
    }
    return amend_file(o);
}
