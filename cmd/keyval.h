/* SPDX-License-Identifier: BSD-3-Clause */
/* keyval.h - lists of "key=value,key2=value2", the spelling of -o and --image-opts
 *
 * A comma inside a value is written twice.  A key without "=" means "on", and with a leading "no"
 * "off".
 */

#ifndef QCOW_CMD_KEYVAL_H
#define QCOW_CMD_KEYVAL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *key;
    char *value;
} keyval;

typedef struct {
    keyval *items;
    size_t count;
} keyval_list;

/* Appends the pairs of text.  A first element without "=" becomes the value of implied_key, unless
 * that is NULL.  Returns -1 and reports an error when a key is missing. */
int keyval_parse(keyval_list *list, const char *text, const char *implied_key);

/* Sets or replaces one pair. */
void keyval_set(keyval_list *list, const char *key, const char *value);

/* The last value given for the key, or NULL. */
const char *keyval_get(const keyval_list *list, const char *key);

/* Takes every pair of that key out of the list; returns the last value (the caller frees it) or
 * NULL. */
char *keyval_take(keyval_list *list, const char *key);

/* True when text asks for help ("help" or "?" as one of its elements). */
bool keyval_wants_help(const char *text);

void keyval_list_clear(keyval_list *list);

#endif /* QCOW_CMD_KEYVAL_H */
