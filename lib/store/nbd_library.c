/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_library.c - the functions of libnbd that are used here, loaded when they are first needed */

#include "store/nbd_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/error.h"

#define LIBNBD "libnbd.so.0"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct nbd_library functions;
static char failure[256]; /* empty: loaded */

static void load(void)
{
    void *library = dlopen(LIBNBD, RTLD_NOW | RTLD_LOCAL);

#define NBD_RESOLVE(name)                                                           \
    if (!library || !(*(void **)(void *)&functions.name = dlsym(library, #name))) { \
        snprintf(failure, sizeof failure, "%s", dlerror());                         \
        return;                                                                     \
    }
    NBD_FUNCTIONS(NBD_RESOLVE)
}

const struct nbd_library *nbd_library(void)
{
    pthread_once(&once, load);
    if (failure[0] == '\0')
        return &functions;
    error_set(ENOTSUP, "NBD servers need " LIBNBD ", which could not be loaded: %s", failure);
    return NULL;
}
