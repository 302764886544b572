/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.c - bytes written as letters */

#include <stdint.h>
#include <string.h>

#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

long base64_decode(unsigned char *text, size_t length)
{
    uint32_t bits = 0;
    unsigned nb_bits = 0;
    long decoded = 0;

    for (size_t i = 0; i < length; i++) {
        const char *letter = text[i] ? strchr(alphabet, text[i]) : NULL;

        if (text[i] == '=' || text[i] == '\n')
            continue;
        if (!letter)
            return -1;
        bits = bits << 6 | (uint32_t)(letter - alphabet);
        nb_bits += 6;
        if (nb_bits >= 8) {
            nb_bits -= 8;
            text[decoded++] = (unsigned char)(bits >> nb_bits);
        }
    }
    return decoded;
}
