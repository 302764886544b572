/* SPDX-License-Identifier: BSD-3-Clause */
/* keyval.h - lists of "key=value,key2=value2", the spelling of -o and --image-opts
 *
 * A comma inside a value is written twice, but one behind a key without "=" ends it.  Such a key
 * means "on", and with a leading "no" the rest of it means "off".
 */

#ifndef QCOW_CMD_KEYVAL_H
#define QCOW_CMD_KEYVAL_H

#include <stdbool.h>
#include <stddef.h>

/* What a value was where it comes from. */
typedef enum { KEYVAL_TEXT, KEYVAL_NUMBER, KEYVAL_OTHER, KEYVAL_NULL } keyval_kind;

typedef struct {
    char *key;
    char *value;
    keyval_kind kind;
} keyval;

typedef struct {
    keyval *items;
    size_t count;
} keyval_list;

/* Sets the pairs of text, in order; a later one replaces an earlier one of the same key.  A first
 * element without "=" becomes the value of implied_key, unless that is NULL.  Reports an error and
 * returns -1 when an element is empty. */
int keyval_parse(keyval_list *list, const char *text, const char *implied_key);

/* The same where every element but the first must have its "=".  On failure returns -1 and in *why
 * a sentence that the caller frees. */
int keyval_parse_strictly(keyval_list *list, const char *text, const char *implied_key, char **why);

/* Sets or replaces one pair. */
void keyval_set(keyval_list *list, const char *key, const char *value);

/* The same with a value that may have been something else than a text. */
void keyval_set_kind(keyval_list *list, const char *key, const char *value, keyval_kind kind);

/* Of a key that is there. */
keyval_kind keyval_kind_of(const keyval_list *list, const char *key);

/* The value of the key, or NULL. */
const char *keyval_get(const keyval_list *list, const char *key);

/* True when the value is the name of a file, in whatever layer of an image. */
bool keyval_is_filename(const keyval *item);

/* True when text is a list that asks for help ("help" or "?" as one of its elements). */
bool keyval_wants_help(const char *text);

void keyval_list_clear(keyval_list *list);

/* The same for values that nobody shall find in memory afterwards. */
void keyval_list_wipe(keyval_list *list);

#endif /* QCOW_CMD_KEYVAL_H */
