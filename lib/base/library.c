/* SPDX-License-Identifier: BSD-3-Clause */
/* library.c - shared libraries that are loaded when they are first needed */

#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards every library and its table */

static bool resolve(const struct library *library, void *handle)
{
    for (size_t i = 0; i < library->nb_functions; i++) {
        void *function = dlsym(handle, library->words[i]);

        if (function == NULL && i + library->nb_optional < library->nb_functions)
            return false;
        memcpy((char *)library->table + i * sizeof function, &function, sizeof function);
    }
    return true;
}

int library_load(struct library *library)
{
    LOCK_SCOPE(&lock);
    void *handle;

    if (library->loaded)
        return 0;
    handle = dlopen(library->name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL || !resolve(library, handle))
        return error_set(ENOTSUP, "%s needs %s, which could not be loaded: %s", library->user,
                         library->name, dlerror());
    library->loaded = true;
    return 0;
}
