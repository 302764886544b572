/* SPDX-License-Identifier: BSD-3-Clause */
/* sweep.c - ranges that may overlap, walked as stretches that do not */

#include "check/sweep.h"

#include <stdlib.h>

#include "base/error.h"

int sweep_init(struct sweep *sweep, size_t ranges)
{
    *sweep = (struct sweep){ 0 };
    sweep->events = calloc(2 * ranges + 1, sizeof sweep->events[0]);
    return sweep->events ? 0 : (error_no_memory(), -1);
}

void sweep_add(struct sweep *sweep, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    sweep->events[sweep->count++] = (struct sweep_event){ start, 1 };
    sweep->events[sweep->count++] = (struct sweep_event){ end, -1 };
}

void sweep_destroy(struct sweep *sweep)
{
    free(sweep->events);
    *sweep = (struct sweep){ 0 };
}

static int compare_events(const void *a, const void *b)
{
    const struct sweep_event *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

int sweep_walk(struct sweep *sweep, sweep_stretch *stretch, void *opaque)
{
    int64_t weight = 0;

    if (sweep->count == 0)
        return 0;
    qsort(sweep->events, sweep->count, sizeof sweep->events[0], compare_events);
    for (size_t i = 0; i + 1 < sweep->count; i++) {
        uint64_t start = sweep->events[i].at, end = sweep->events[i + 1].at;

        weight += sweep->events[i].change;
        if (weight > 0 && start < end && stretch(opaque, start, end, (uint64_t)weight) == -1)
            return -1;
    }
    return 0;
}
