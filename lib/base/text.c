/* SPDX-License-Identifier: BSD-3-Clause */
/* text.c - strings out of images, and words of options */

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

char *text_copy(const void *from, size_t size)
{
    char *to = malloc(size + 1);

    if (to == NULL)
        return error_no_memory();
    memcpy(to, from, size);
    to[size] = '\0';
    return to;
}

int text_replace(char **to, const char *from)
{
    char *copy = from ? strdup(from) : NULL;

    if (from && copy == NULL)
        return error_no_memory(), -1;
    free(*to);
    *to = copy;
    return 0;
}

/* option_value_switch of cmd/option-value.c, which cannot see this one, knows the same words. */
int text_parse_switch(const char *word, bool *on)
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

int text_parse_number(const char *word, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(word, &end, 10);
    return errno || end == word || *end || word[0] == '-' ? -1 : 0;
}
