/* SPDX-License-Identifier: BSD-3-Clause */
/* cleanup.h - values that are released when their scope ends */

#ifndef VMM_CLEANUP_H
#define VMM_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *slot)
{
    free(*(void **)slot);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

static inline pthread_mutex_t *cleanup_lock(pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    return lock;
}

#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))

/* Holds the mutex from here to the end of the enclosing block; one per block. */
#define LOCK_FOR_SCOPE(mutex)                                                     \
    __attribute__((cleanup(cleanup_unlock), unused)) pthread_mutex_t *held_lock = \
        cleanup_lock(mutex)

#endif
