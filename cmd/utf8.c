/* SPDX-License-Identifier: BSD-3-Clause */
/* utf8.c - characters of text in UTF-8 */

#include "utf8.h"

size_t utf8_decode(const unsigned char *s, uint32_t *character)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } form[] = {
        { 0x80, 0x00, 0x01 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
    };

    for (size_t tail = 0; tail < 4; tail++) {
        uint32_t code = s[0] & (unsigned char)~form[tail].mask;

        if ((s[0] & form[tail].mask) != form[tail].lead)
            continue;
        for (size_t i = 1; i <= tail; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (s[i] & 0x3f);
        }
        *character = code;
        if (code < form[tail].least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return 0;
        return tail + 1;
    }
    return 0;
}
