/* SPDX-License-Identifier: BSD-3-Clause */
/* human.h - sizes as people write and read them */

#ifndef QCOW_CMD_HUMAN_H
#define QCOW_CMD_HUMAN_H

#include <stddef.h>
#include <stdint.h>

#define HUMAN_SIZE_LENGTH 32

/* "1.5 GiB": three significant digits and a binary unit.  Returns buf. */
const char *human_size(char buf[HUMAN_SIZE_LENGTH], uint64_t bytes);

/* Reads "123", "64k", "1.5G", "0x200".  Units are powers of 1024; a bare number is in bytes.
 * Returns 0, -EINVAL (not a size) or -ERANGE (16 EiB or more). */
int size_parse(const char *text, uint64_t *bytes);

/* What to say of a text that size_parse refused with this error, where it is the value of a named
 * parameter.  The caller frees it. */
char *size_refusal(const char *name, const char *text, int error);

/* size_parse for a command's argument, below 8 EiB: reports "Invalid WHAT specified..." and returns
 * -1. */
int size_parse_argument(const char *what, const char *text, uint64_t *bytes);

/* The same between two bounds. */
int size_parse_range(const char *what, const char *text, uint64_t min, uint64_t max,
                     uint64_t *bytes);

#endif /* QCOW_CMD_HUMAN_H */
