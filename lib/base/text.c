/* SPDX-License-Identifier: BSD-3-Clause */
/* text.c - strings out of images */

#include "base/text.h"

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
