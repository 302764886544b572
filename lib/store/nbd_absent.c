/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_absent.c - what stands for the store on an NBD server where the library is built without
 * it */

#include "store/nbd.h"

#include <errno.h>

#include "base/error.h"

struct store *store_nbd_open(const char *uri, uint32_t flags, const struct nbd_options *options)
{
    (void)flags;
    (void)options;
    error_set(ENOTSUP, "Could not open '%s': NBD servers are left out of this build", uri);
    return NULL;
}
