/* SPDX-License-Identifier: BSD-3-Clause */
/* secret.c - bytes that are wiped when they are let go */

#include "crypto/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void secret_clear(struct secret *secret)
{
    if (secret->bytes != NULL)
        explicit_bzero(secret->bytes, secret->size);
    free(secret->bytes);
    *secret = (struct secret){ 0 };
}

int secret_new(struct secret *secret, size_t size)
{
    uint8_t *bytes = calloc(1, size ? size : 1);

    if (bytes == NULL)
        return error_no_memory(), -1;
    secret_clear(secret);
    *secret = (struct secret){ bytes, size };
    return 0;
}

int secret_set(struct secret *secret, const void *bytes, size_t size)
{
    if (secret_new(secret, size) == -1)
        return -1;
    if (size > 0)
        memcpy(secret->bytes, bytes, size);
    return 0;
}
