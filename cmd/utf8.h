/* SPDX-License-Identifier: BSD-3-Clause */
/* utf8.h - characters of text in UTF-8 */

#ifndef QCOW_CMD_UTF8_H
#define QCOW_CMD_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of the well-formed sequence at s, which a zero byte ends, and the character it stands
 * for; 0 if there is none. */
size_t utf8_decode(const unsigned char *s, uint32_t *character);

#endif /* QCOW_CMD_UTF8_H */
