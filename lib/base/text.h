/* SPDX-License-Identifier: BSD-3-Clause */
/* text.h - strings out of images */

#ifndef QCOW2_BASE_TEXT_H
#define QCOW2_BASE_TEXT_H

#include <stddef.h>

/* A copy of size bytes with a NUL behind them that size does not count; NULL with the error set.  The
 * caller frees it. */
char *text_copy(const void *from, size_t size);

#endif
