/* SPDX-License-Identifier: BSD-3-Clause */
/* range_lock.c - requests that keep out of each other's way where they touch the same bytes */

#include "store/range_lock.h"

#include "base/cleanup.h"

void range_lock_init(struct range_lock *locks)
{
    *locks = (struct range_lock){ 0 };
    locks->last = &locks->first;
    pthread_mutex_init(&locks->lock, NULL);
    pthread_cond_init(&locks->left, NULL);
}

void range_lock_destroy(struct range_lock *locks)
{
    pthread_cond_destroy(&locks->left);
    pthread_mutex_destroy(&locks->lock);
}

static bool must_wait(const struct range_lock *locks, const struct range_request *request)
{
    for (const struct range_request *r = locks->first; r != request; r = r->next)
        if ((r->alone || request->alone) && r->start < request->end && request->start < r->end)
            return true;
    return false;
}

void range_lock_enter(struct range_lock *locks, struct range_request *request, uint64_t start,
                      uint64_t end, bool alone)
{
    LOCK_SCOPE(&locks->lock);

    *request = (struct range_request){ .start = start, .end = end, .alone = alone };
    *locks->last = request;
    locks->last = &request->next;
    locks->waiting++;
    while (must_wait(locks, request))
        pthread_cond_wait(&locks->left, &locks->lock);
    locks->waiting--;
}

void range_lock_leave(struct range_lock *locks, struct range_request *request)
{
    LOCK_SCOPE(&locks->lock);
    struct range_request **at = &locks->first;

    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
    if (request->next == NULL)
        locks->last = at;
    if (locks->waiting > 0)
        pthread_cond_broadcast(&locks->left);
}
