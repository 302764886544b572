/* SPDX-License-Identifier: BSD-3-Clause */
/* words.h - how words begin, and those that turn an option on or off */

#ifndef QCOW_COMMON_WORDS_H
#define QCOW_COMMON_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The text without the prefix, if it begins so. */
static inline const char *skip_prefix(const char *text, const char *prefix)
{
    return begins(text, prefix) ? text + strlen(prefix) : text;
}

/* Is the switch on?  The words are QEMU's; returns -1 for any other. */
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
