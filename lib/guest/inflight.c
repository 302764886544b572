/* SPDX-License-Identifier: BSD-3-Clause */
/* inflight.c - guest clusters whose mapping is being changed */

#include "guest/inflight.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

void inflight_init(struct inflight *inflight)
{
    pthread_mutex_init(&inflight->lock, NULL);
    pthread_cond_init(&inflight->released, NULL);
    inflight->list = NULL;
}

void inflight_destroy(struct inflight *inflight)
{
    pthread_cond_destroy(&inflight->released);
    pthread_mutex_destroy(&inflight->lock);
}

static bool conflicts(const struct inflight *inflight, uint64_t start, uint64_t end)
{
    for (const struct reservation *r = inflight->list; r != NULL; r = r->next)
        if (r->start < end && start < r->end)
            return true;
    return false;
}

void inflight_reserve(struct inflight *inflight, struct reservation *reservation, uint64_t start,
                      uint64_t end)
{
    LOCK_SCOPE(&inflight->lock);

    while (conflicts(inflight, start, end))
        pthread_cond_wait(&inflight->released, &inflight->lock);
    *reservation = (struct reservation){ start, end, inflight->list };
    inflight->list = reservation;
}

void inflight_release(struct inflight *inflight, struct reservation *reservation)
{
    LOCK_SCOPE(&inflight->lock);
    struct reservation **link = &inflight->list;

    while (*link != reservation)
        link = &(*link)->next;
    *link = reservation->next;
    pthread_cond_broadcast(&inflight->released);
}
