/* SPDX-License-Identifier: BSD-3-Clause */
/* inflight.h - guest clusters whose mapping is being changed
 *
 * A request that will change L2 entries reserves the guest clusters first.  Others that want to
 * change the same clusters wait; everybody else goes on.  A request holds one reservation at a
 * time, so nobody waits in a circle.
 */

#ifndef QCOW2_GUEST_INFLIGHT_H
#define QCOW2_GUEST_INFLIGHT_H

#include <pthread.h>
#include <stdint.h>

struct reservation {
    uint64_t start; /* guest offsets, cluster aligned */
    uint64_t end;
    struct reservation *next;
};

struct inflight {
    pthread_mutex_t lock; /* guards the list; no other lock is taken under it */
    pthread_cond_t released;
    struct reservation *list;
};

void inflight_init(struct inflight *inflight);
void inflight_destroy(struct inflight *inflight);

/* Wait until no other reservation overlaps, then hold this one, which is the caller's memory.  Not
 * with the tables' lock held. */
void inflight_reserve(struct inflight *inflight, struct reservation *reservation, uint64_t start,
                      uint64_t end);
void inflight_release(struct inflight *inflight, struct reservation *reservation);

#endif
