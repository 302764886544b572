/* SPDX-License-Identifier: BSD-3-Clause */
/* grow.c - arrays that grow by doubling */

#include "base/grow.h"

#include <stdlib.h>

#include "base/error.h"

#define FIRST_CAPACITY 16u

void *grow_array(void *items, size_t *capacity, size_t wanted, size_t size)
{
    size_t more = *capacity ? *capacity : FIRST_CAPACITY;
    void *grown;

    while (more < wanted)
        more *= 2;
    grown = reallocarray(items, more, size);
    if (grown == NULL)
        return error_no_memory();
    *capacity = more;
    return grown;
}
