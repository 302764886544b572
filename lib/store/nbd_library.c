/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_library.c - the functions of libnbd that are used here, loaded when they are first needed */

#include "store/nbd_library.h"

static struct nbd_library functions;

static struct library library = {
    .name = LIBRARY_NAME("nbd", 0),
    .user = "An NBD server",
    LIBRARY_TABLE(NBD_FUNCTIONS, functions),
    .nb_optional = NBD_OPTIONAL,
};

const struct nbd_library *nbd_library(void)
{
    return library_load(&library) == 0 ? &functions : NULL;
}
