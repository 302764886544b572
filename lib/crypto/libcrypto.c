/* SPDX-License-Identifier: BSD-3-Clause */
/* libcrypto.c - the functions of OpenSSL's libcrypto that are used here, loaded when first
 * needed */

#include "crypto/libcrypto.h"

#include <errno.h>
#include <limits.h>

#include "base/error.h"

struct libcrypto libcrypto;

static struct library library = {
    .name = LIBRARY_NAME("crypto", OPENSSL_SHLIB_VERSION),
    .user = "Encryption",
    LIBRARY_TABLE(LIBCRYPTO_FUNCTIONS, libcrypto),
};

int libcrypto_load(void)
{
    return library_load(&library);
}

int libcrypto_random(void *bytes, size_t count)
{
    if (libcrypto_load() == -1)
        return -1;
    return count <= INT_MAX && libcrypto.RAND_priv_bytes(bytes, (int)count) == 1
               ? 0
               : error_set(EIO, "OpenSSL has no random numbers");
}
