/* SPDX-License-Identifier: BSD-3-Clause */
/* text.h - strings out of images, and words of options */

#ifndef QCOW2_BASE_TEXT_H
#define QCOW2_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A copy of size bytes with a NUL behind them that size does not count; NULL with the error set.
 * The caller frees it. */
char *text_copy(const void *from, size_t size);

/* Free *to and make it a copy of a string, or NULL.  On failure it stays. */
int text_replace(char **to, const char *from);

/* Are they equal, or both NULL? */
bool text_same(const char *a, const char *b);

/* A decimal number that is not negative.  Returns -1, and sets no error, for anything else. */
int text_parse_number(const char *word, uint64_t *number);

#endif
