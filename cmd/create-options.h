/* SPDX-License-Identifier: BSD-3-Clause */
/* create-options.h - the options of a new image: -o of create and convert
 */

#ifndef QCOW_CMD_CREATE_OPTIONS_H
#define QCOW_CMD_CREATE_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

#include "keyval.h"
#include "qcow2.h"

/* Checks names and values against the table of the format, and rewrites values into the library's
 * spelling: sizes as plain numbers of bytes.  On failure returns -1 and in *why a sentence that the
 * caller frees. */
int create_options_check(keyval_list *list, const char *format, char **why);

/* Sets what the user did not and what QEMU's "Formatting" line shows all the same. */
void create_options_add_defaults(keyval_list *list, const char *format);

/* " name=value" for each option that is set, in the order of QEMU's "Formatting" line.  The caller
 * frees it. */
char *create_options_text(const keyval_list *list, const char *format);

/* The same as an object: numbers for sizes, true and false for switches. */
json_t *create_options_json(const keyval_list *list, const char *format);

/* What QEMU finds out only when it makes the image: whether words are those that an option knows.
 * As above. */
int create_options_check_words(const keyval_list *list, const char *format, char **why);

/* Is it an option of a new qcow2 image? */
bool create_options_know(const char *name, const char *format);

/* The id of the secret that is the new image's password; NULL: none. */
const char *create_options_key_secret(const keyval_list *list);

/* The path of the data file that is to be made, or NULL. */
const char *create_options_data_file(const keyval_list *list);

/* The library's object for a checked list, secrets looked up.  NULL on failure, and in *why (NULL
 * before) a sentence that the caller frees. */
qcow2_create_options *create_options_make(const keyval_list *list, const char *format, char **why);

/* Makes room in the new image's refcount table for what is copied into it, so that it is never
 * larger than measured.  A source that cannot be measured is not said here: copying it fails,
 * too. */
int create_options_expect(qcow2_create_options *new, const keyval_list *list,
                          qcow2_image *const *sources, size_t nb_sources, bool bitmaps);

/* The name of an option in the list that speaks of content rather than of the image; NULL: none. */
const char *create_options_of_copy(const keyval_list *list);

/* The answer to "-o help"; options of the host's file system only where a file was named, those of
 * content only for verbs that copy some. */
void create_options_print_help(const char *format, bool file_named, bool copies);

#endif /* QCOW_CMD_CREATE_OPTIONS_H */
