/* SPDX-License-Identifier: BSD-3-Clause */
/* json-keys.h - a JSON object as a list of dotted keys: {"a": {"b": 1}} is a.b=1 */

#ifndef QCOW_CMD_JSON_KEYS_H
#define QCOW_CMD_JSON_KEYS_H

#include "keyval.h"

/* Appends the members of the object that text is.  true and false become on and off, null becomes
 * empty.  On failure returns -1 and in *why a sentence that the caller frees. */
int json_keys_parse(keyval_list *list, const char *text, char **why);

#endif /* QCOW_CMD_JSON_KEYS_H */
