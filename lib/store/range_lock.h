/* SPDX-License-Identifier: BSD-3-Clause */
/* range_lock.h - requests that keep out of each other's way where they touch the same bytes
 *
 * A request names its range and whether it must be alone there.  It waits for every earlier one
 * that touches the range, if one of the two must be alone; so nobody is passed by for ever.
 */

#ifndef QCOW2_STORE_RANGE_LOCK_H
#define QCOW2_STORE_RANGE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A request under way or waiting; the caller's memory. */
struct range_request {
    uint64_t start, end;
    bool alone;
    struct range_request *next;
};

struct range_lock {
    pthread_mutex_t lock; /* guards the rest; a leaf */
    pthread_cond_t left;
    struct range_request *first; /* in the order in which they came */
    struct range_request **last;
    unsigned waiting;
};

void range_lock_init(struct range_lock *locks);
void range_lock_destroy(struct range_lock *locks);

void range_lock_enter(struct range_lock *locks, struct range_request *request, uint64_t start,
                      uint64_t end, bool alone);
void range_lock_leave(struct range_lock *locks, struct range_request *request);

#endif
