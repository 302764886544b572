/* SPDX-License-Identifier: BSD-3-Clause */
/* option-value.h - values of "name=value" options of images: their types, spellings and help */

#ifndef QCOW_CMD_OPTION_VALUE_H
#define QCOW_CMD_OPTION_VALUE_H

#include <stdint.h>

typedef enum {
    VALUE_STRING,
    VALUE_SIZE,
    VALUE_NUMBER,
    VALUE_SWITCH,
} value_type;

/* The library's spelling of a value: sizes as plain numbers of bytes.  The caller frees it.  NULL
 * when the value is none of its type, and in *why a sentence that the caller frees. */
char *option_value_rewrite(const char *name, value_type type, const char *value, char **why);

/* One line of the answer to "-o help". */
void option_value_print_help(const char *name, value_type type, const char *help);

/* What a mode of preallocation ("off", "metadata", "falloc", "full") is to qcow2_resize; reports
 * another word and returns -1. */
int preallocation_parse(const char *mode, uint32_t *flags);

#endif /* QCOW_CMD_OPTION_VALUE_H */
