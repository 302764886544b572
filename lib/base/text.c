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

bool text_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int text_parse_number(const char *word, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(word, &end, 10);
    return errno || end == word || *end || word[0] == '-' ? -1 : 0;
}
