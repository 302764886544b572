/* SPDX-License-Identifier: BSD-3-Clause */
/* sweep.h - ranges that may overlap, walked as stretches that do not
 *
 *     ranges     [---------------)
 *                [--------)
 *                     [--------------)
 *     stretches  |  2 | 3 |  2   | 1 |     each with the number of ranges that cover it
 *
 * Thousands of snapshots may name the same L1 table, whole or in part, and thousands of bitmaps the
 * same bitmap table.  Walking stretches visits each byte of the file once, however often it is
 * named.
 */

#ifndef QCOW2_CHECK_SWEEP_H
#define QCOW2_CHECK_SWEEP_H

#include <stddef.h>
#include <stdint.h>

struct sweep_event {
    uint64_t at;
    int64_t change; /* in the number of ranges */
};

struct sweep {
    struct sweep_event *events;
    size_t count;
};

/* Make room for a number of ranges. */
int sweep_init(struct sweep *sweep, size_t ranges);
void sweep_add(struct sweep *sweep, uint64_t start, uint64_t end);
void sweep_destroy(struct sweep *sweep);

/* The stretches in ascending order.  -1 from the callback ends the walk. */
typedef int sweep_stretch(void *opaque, uint64_t start, uint64_t end, uint64_t weight);
int sweep_walk(struct sweep *sweep, sweep_stretch *stretch, void *opaque);

#endif
