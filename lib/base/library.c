/* SPDX-License-Identifier: BSD-3-Clause */
/* library.c - shared libraries that are loaded when they are first needed, by any thread */

#include "base/library.h"

#include <errno.h>
#include <pthread.h>

#include "base/cleanup.h"
#include "base/error.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards every library and its table */

int library_load(struct library *library)
{
    LOCK_SCOPE(&lock);

    if (late_library_load(library) == 0)
        return 0;
    return error_set(ENOTSUP, "%s needs %s, which could not be loaded: %s", library->user,
                     library->name, dlerror());
}
