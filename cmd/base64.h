/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.h - bytes written as letters */

#ifndef QCOW_CMD_BASE64_H
#define QCOW_CMD_BASE64_H

#include <stddef.h>

/* Decodes in place; newlines and padding are passed over, and a last incomplete byte is dropped, as
 * QEMU does.  Returns the length, or -1 when a character is not of the alphabet. */
long base64_decode(unsigned char *text, size_t length);

#endif /* QCOW_CMD_BASE64_H */
