/* SPDX-License-Identifier: BSD-3-Clause */
/* amend.c - qcow-img amend: change the format options of an existing image */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "create-options.h"
#include "image-open.h"
#include "message.h"
#include "option-value.h"
#include "progress.h"
#include "secret.h"
#include "verb.h"
#include "words.h"

#define ENCRYPT "encrypt."

/* In the order of help.  A luks image has those of encryption, without "encrypt.". */
static const struct {
    const char *name;
    value_type type;
    const char *help;
    int (*set_secret)(qcow2_amend_options *changes, const void *secret, size_t size); /* or NULL */
} table[] = {
    { "backing_file", VALUE_STRING, "File name of a base image", NULL },
    { "backing_fmt", VALUE_STRING, "Image format of the base image", NULL },
    { "compat", VALUE_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])", NULL },
    { "data_file", VALUE_STRING, "File name of an external data file", NULL },
    { "data_file_raw", VALUE_SWITCH, "The external data file must stay valid as a raw image",
      NULL },
    { ENCRYPT "iter-time", VALUE_NUMBER, "Time to spend in PBKDF in milliseconds", NULL },
    { ENCRYPT "keyslot", VALUE_NUMBER, "Select a single keyslot to modify explicitly", NULL },
    { ENCRYPT "new-secret", VALUE_STRING,
      "New secret to set in the matching keyslots. Empty string to erase",
      qcow2_amend_options_set_new_secret },
    { ENCRYPT "old-secret", VALUE_STRING, "Select all keyslots that match this password",
      qcow2_amend_options_set_old_secret },
    { ENCRYPT "state", VALUE_STRING, "Select new state of affected keyslots (active/inactive)",
      NULL },
    { "lazy_refcounts", VALUE_SWITCH, "Postpone refcount updates", NULL },
    { "refcount_bits", VALUE_NUMBER, "Width of a reference count entry in bits", NULL },
    { "size", VALUE_SIZE, "Virtual disk size", NULL },
};

enum {
    TABLE_ROWS = sizeof table / sizeof *table,
};

/* The name of a row for a format; NULL: the format has none such. */
static const char *row_name(int row, const char *format)
{
    if (strcmp(format, "luks") != 0)
        return table[row].name;
    if (!begins(table[row].name, ENCRYPT))
        return NULL;
    return table[row].name + strlen(ENCRYPT);
}

static int find_row(const char *name, const char *format)
{
    for (int i = 0; i < TABLE_ROWS; i++)
        if (row_name(i, format) && strcmp(row_name(i, format), name) == 0)
            return i;
    error_report("Invalid parameter '%s'%s", name,
                 create_options_know(name, format)
                     ? "\nThis option is only supported for image creation"
                     : "");
    return -1;
}

static bool can_be_amended(const char *format)
{
    return strcmp(format, "qcow2") == 0 || strcmp(format, "luks") == 0;
}

static int print_options(const char *format)
{
    if (!format_known(format)) {
        error_report("Unknown file format '%s'", format);
        return EXIT_FAILURE;
    }
    if (!can_be_amended(format)) {
        error_report("Format driver '%s' does not support option amendment", format);
        return EXIT_FAILURE;
    }
    printf("Amend options for '%s':\n", format);
    for (int i = 0; i < TABLE_ROWS; i++)
        if (row_name(i, format))
            option_value_print_help(row_name(i, format), table[i].type, table[i].help);
    return EXIT_SUCCESS;
}

/* Names and kinds of values first, then what the values say, as QEMU does. */
static int rewrite_values(const keyval_list *given, const char *format, keyval_list *rewritten)
{
    for (size_t i = 0; i < given->count; i++) {
        const keyval *item = &given->items[i];
        CLEANUP_FREE char *why = NULL;
        CLEANUP_FREE char *value = NULL;
        int row = find_row(item->key, format);

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

static int set_option(qcow2_amend_options *changes, int row, const char *value)
{
    CLEANUP_FREE char *why = NULL;
    const char *passphrase;

    if (!table[row].set_secret) {
        if (qcow2_amend_options_set(changes, table[row].name, value) == 0)
            return 0;
    } else if (secret_find_text(value, &passphrase, &why) == 0 &&
               table[row].set_secret(changes, passphrase, strlen(passphrase)) == 0) {
        return 0;
    }
    error_report("%s", why ? why : qcow2_get_error());
    return -1;
}

static int fill_options(qcow2_amend_options *changes, const options *o, const char *format,
                        const keyval_list *list)
{
    if (qcow2_amend_options_set_flags(changes, o->force ? QCOW2_AMEND_FORCE : 0)) {
        error_report("%s", qcow2_get_error());
        return -1;
    }
    for (int i = 0; i < TABLE_ROWS; i++) {
        const char *name = row_name(i, format);
        const char *value = name ? keyval_get(list, name) : NULL;

        if (value && set_option(changes, i, value))
            return -1;
    }
    return 0;
}

static void report_refusal(void)
{
    if (qcow2_get_errno() == EXDEV)
        error_report("%s\nYou can use '%s rebase' instead.", qcow2_get_error(), message_program());
    else
        error_report("%s", qcow2_get_error());
}

static int change(const options *o, qcow2_image *image, const qcow2_amend_options *changes)
{
    progress p;
    int result;

    progress_begin(&p, o->progress && !o->quiet, PROGRESS_IN_STEPS, 1);
    result = qcow2_amend(image, changes, progress_show, &p);
    if (result)
        report_refusal();
    progress_end(&p, result == 0);
    return result;
}

static int amend(const options *o, qcow2_image *image, const char *format)
{
    qcow2_amend_options *changes = qcow2_amend_options_new();
    keyval_list values = { 0 };
    int result = -1;

    if (changes && rewrite_values(&o->creation, format, &values) == 0 &&
        fill_options(changes, o, format, &values) == 0)
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
    } else if (o->creation_help || !can_be_amended(info.format)) {
        result = print_options(info.format);
    } else {
        result = amend(o, image, info.format);
    }
    if (close_image(image))
        result = -1;
    return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

int run_amend(const options *o)
{
    if (!o->creation_help && o->creation.count == 0)
        return usage_error("Must specify options (-o)");
    if (o->creation_help && o->format)
        return print_options(o->format);
    if (o->nb_arguments != 1) {
        error_report("Expecting one image file name");
        return EXIT_FAILURE;
    }
    if (check_cache_mode("cache", o->cache))
        return EXIT_FAILURE;
    return amend_file(o);
}
