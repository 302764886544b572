/* SPDX-License-Identifier: BSD-3-Clause */
/* virtqueue.h - a split virtqueue, the device's side */

#ifndef VMM_VIRTQUEUE_H
#define VMM_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

#define VIRTQUEUE_MAX_SIZE 1024

/* What the driver wrote into the queue's registers. */
struct virtqueue_config {
    uint16_t size; /* descriptors, a power of two */
    uint64_t descriptors;
    uint64_t available;
    uint64_t used;
};

/* A request's buffers: count parts of which the first out_count are for the
 * device to read and the rest for it to write.
 */
struct virtqueue_chain {
    uint16_t head;
    unsigned count;
    unsigned out_count;
    struct iovec *iov; /* the caller's array of at least the queue's size */
};

/* One thread at a time uses a queue; there is no lock. */
struct virtqueue {
    const struct memory *memory;
    uint16_t size;
    bool event_idx;
    bool indirect;
    const struct vring_desc *descriptors;
    struct vring_avail *available;
    struct vring_used *used;
    uint16_t next_available; /* next entry of the available ring to take */
    uint16_t next_used;      /* next entry of the used ring to fill */
    uint16_t signalled_used; /* next_used when the driver was last considered for an interrupt */
    const char *broken;      /* what the driver did wrong, NULL while all is well */
};

/* Fails, with the reason in broken, unless size and rings are acceptable. */
int virtqueue_init(struct virtqueue *queue, const struct memory *memory,
                   const struct virtqueue_config *config, bool event_idx, bool indirect);

/* Takes the next request: 1, or 0 when there is none, or -1 when the ring or
 * the chain is malformed; the queue is broken then and every later call fails.
 */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/* Gives a chain back, written bytes of its writable part being filled. */
void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written);

/* Asks for no kicks until the next virtqueue_listen. */
void virtqueue_deafen(struct virtqueue *queue);

/* Asks for a kick at the next request; true if one came in meanwhile. */
bool virtqueue_listen(struct virtqueue *queue);

/* Does the driver want an interrupt for what was pushed since the last call? */
bool virtqueue_wants_interrupt(struct virtqueue *queue);

#endif
