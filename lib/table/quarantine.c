/* SPDX-License-Identifier: BSD-3-Clause */
/* quarantine.c - host clusters on their way from "lost a reference" to "may be used again" */

#include "table/quarantine.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"

void dropped_list_destroy(struct dropped_list *list)
{
    free(list->items);
    *list = (struct dropped_list){ 0 };
}

/* Append all of from, which is empty afterwards. */
static int list_move(struct dropped_list *to, struct dropped_list *from)
{
    if (from->count == 0)
        return 0;
    if (GROW(to->items, to->capacity, to->count + from->count) == -1)
        return -1;
    memcpy(to->items + to->count, from->items, from->count * sizeof from->items[0]);
    to->count += from->count;
    from->count = 0;
    return 0;
}

void quarantine_destroy(struct quarantine *quarantine)
{
    dropped_list_destroy(&quarantine->waiting);
    dropped_list_destroy(&quarantine->flushing);
    dropped_list_destroy(&quarantine->durable);
}

uint64_t quarantine_enter(struct quarantine *quarantine)
{
    for (;;) {
        uint64_t epoch = atomic_load(&quarantine->epoch);

        atomic_fetch_add(&quarantine->requests[epoch & 1], 1);
        if (atomic_load(&quarantine->epoch) == epoch)
            return epoch;
        /* it advanced in between: whoever advanced it may not have seen us */
        atomic_fetch_sub(&quarantine->requests[epoch & 1], 1);
    }
}

void quarantine_leave(struct quarantine *quarantine, uint64_t ticket)
{
    atomic_fetch_sub(&quarantine->requests[ticket & 1], 1);
}

int quarantine_add(struct quarantine *quarantine, uint64_t offset, uint64_t count, enum freed_by by)
{
    struct dropped_list *list = &quarantine->waiting;
    struct dropped_range *last = list->count ? &list->items[list->count - 1] : NULL;

    if (last != NULL && last->offset + last->count == offset && last->by == by) {
        last->count += count;
        return 0;
    }
    if (GROW(list->items, list->capacity, list->count + 1) == -1)
        return -1;
    list->items[list->count++] =
        (struct dropped_range){ .offset = offset, .count = count, .by = by };
    return 0;
}

int quarantine_flush_begin(struct quarantine *quarantine)
{
    return list_move(&quarantine->flushing, &quarantine->waiting);
}

int quarantine_flush_end(struct quarantine *quarantine)
{
    uint64_t epoch = atomic_load(&quarantine->epoch);

    for (size_t i = 0; i < quarantine->flushing.count; i++)
        quarantine->flushing.items[i].epoch = epoch;
    return list_move(&quarantine->durable, &quarantine->flushing);
}

/* Up to two steps: a quiet image releases at once. */
static void advance(struct quarantine *quarantine)
{
    for (int step = 0; step < 2; step++) {
        uint64_t epoch = atomic_load(&quarantine->epoch);

        /* requests of epoch - 1 share their counter with the next epoch's */
        if (atomic_load(&quarantine->requests[(epoch + 1) & 1]) != 0)
            return;
        atomic_store(&quarantine->epoch, epoch + 1);
    }
}

int quarantine_take(struct quarantine *quarantine, struct dropped_list *released)
{
    struct dropped_list *durable = &quarantine->durable;
    uint64_t epoch;
    size_t n = 0;

    *released = (struct dropped_list){ 0 };
    if (durable->count == 0)
        return 0;
    advance(quarantine);
    epoch = atomic_load(&quarantine->epoch);
    while (n < durable->count && durable->items[n].epoch + 2 <= epoch)
        n++;
    if (n == 0)
        return 0;
    if (GROW(released->items, released->capacity, released->count + n) == -1)
        return -1;
    memcpy(released->items, durable->items, n * sizeof durable->items[0]);
    released->count = n;
    durable->count -= n;
    memmove(durable->items, durable->items + n, durable->count * sizeof durable->items[0]);
    return 0;
}
