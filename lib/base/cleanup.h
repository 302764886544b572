/* SPDX-License-Identifier: BSD-3-Clause */
/* cleanup.h - resources that end with their scope: those of common/cleanup.h, and
 *
 *     READ_SCOPE(&rwlock);  WRITE_SCOPE(&rwlock);
 */

#ifndef QCOW2_BASE_CLEANUP_H
#define QCOW2_BASE_CLEANUP_H

#include <cleanup.h>

static inline void cleanup_rwlock(pthread_rwlock_t **lock)
{
    pthread_rwlock_unlock(*lock);
}

#define READ_SCOPE(lock)                                                                        \
    __attribute__((cleanup(cleanup_rwlock), unused)) pthread_rwlock_t *CLEANUP_NAME(__LINE__) = \
        (pthread_rwlock_rdlock(lock), (lock))
#define WRITE_SCOPE(lock)                                                                       \
    __attribute__((cleanup(cleanup_rwlock), unused)) pthread_rwlock_t *CLEANUP_NAME(__LINE__) = \
        (pthread_rwlock_wrlock(lock), (lock))

/* Hand a scoped pointer to the caller. */
#define RELEASE(pointer)                           \
    ({                                             \
        __typeof__(pointer) released_ = (pointer); \
        (pointer) = NULL;                          \
        released_;                                 \
    })

#endif
