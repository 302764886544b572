/* SPDX-License-Identifier: BSD-3-Clause */
/* switch-word.h - the words that turn an option on or off, which are QEMU's */

#ifndef QCOW_COMMON_SWITCH_WORD_H
#define QCOW_COMMON_SWITCH_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Is the switch on?  Returns -1 for any other word. */
static inline int switch_word_parse(const char *word, bool *on)
{
    static const char *const words[][2] = {
        { "on", "off" },
        { "yes", "no" },
        { "true", "false" },
        { "y", "n" },
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *on = strcmp(word, words[i][0]) == 0;
        if (*on || strcmp(word, words[i][1]) == 0)
            return 0;
    }
    return -1;
}

#endif
