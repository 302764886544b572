/* SPDX-License-Identifier: BSD-3-Clause */
/* cleanup.h - resources that end with their scope
 *
 *     CLEANUP_FREE char *name = strdup(x);
 *     CLEANUP_CLOSE int fd = open(name, O_RDONLY);
 *     LOCK_SCOPE(&lock);              the mutex is released when the block ends
 */

#ifndef QCOW_COMMON_CLEANUP_H
#define QCOW_COMMON_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *address)
{
    free(*(void **)address);
}

static inline void cleanup_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_mutex(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))

#define CLEANUP_NAME2(line) scope_guard_##line
#define CLEANUP_NAME(line) CLEANUP_NAME2(line)

#define LOCK_SCOPE(lock)                                                                      \
    __attribute__((cleanup(cleanup_mutex), unused)) pthread_mutex_t *CLEANUP_NAME(__LINE__) = \
        (pthread_mutex_lock(lock), (lock))

#endif
