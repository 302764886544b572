/* SPDX-License-Identifier: BSD-3-Clause */
/* json.h - JSON values as qemu-img prints them, and the same values for people */

#ifndef QCOW_CMD_JSON_H
#define QCOW_CMD_JSON_H

#include <jansson.h>
#include <stdint.h>

/* A string for any bytes: those that are no UTF-8 are escaped as \xNN. */
json_t *json_text(const char *text);

/* Numbers are below 2^63 in every image that opens. */
json_t *json_number(uint64_t number);

/* Sets a member of an object; takes over the value. */
void json_put(json_t *object, const char *key, json_t *value);

/* The text of a value, in visible ASCII; flags are jansson's for dumping.  The caller frees it. */
char *json_line(const json_t *value, size_t flags);

/* Prints it with four spaces a level, and a newline at the end. */
void json_print(const json_t *value);

/* The same within something else: so many levels of indentation, no newline at the end. */
void json_print_indented(const json_t *value, int level);

/* "key: value" lines, indented by so many levels; keys with spaces for their dashes. */
void json_print_human(const json_t *object, int level);

static inline void json_cleanup(json_t **value)
{
    json_decref(*value);
}

#define CLEANUP_JSON __attribute__((cleanup(json_cleanup)))

#endif /* QCOW_CMD_JSON_H */
