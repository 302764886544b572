/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-blk.h - the guest's disk */

#ifndef VMM_VIRTIO_BLK_H
#define VMM_VIRTIO_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "blk-request.h"
#include "memory.h"
#include "nbd-conn.h"
#include "nbd-disk.h"
#include "virtio.h"
#include "virtqueue.h"

struct virtio_blk;

/* Between start and stop a queue is the business of its connection's thread
 * alone; before and after, of the transport.
 */
struct blk_queue {
    struct virtio_blk *blk;
    unsigned index;
    struct nbd_conn *conn;
    struct nbd_source source; /* the kicks */
    struct nbd_task start;
    struct nbd_task stop;
    struct virtqueue ring;
    bool stopping;

    struct blk_request *requests; /* one for each descriptor, and their parts */
    struct iovec *parts;
    struct blk_request *idle; /* requests not in use */
    struct blk_request *held; /* waits for room in the bounce budget */
    unsigned in_flight;       /* requests in use, the held one included */
    uint64_t bounced;         /* bytes of bounce buffers */
};

struct virtio_blk {
    struct virtio_device device; /* first, for the casts */
    struct nbd_disk *disk;
    const struct memory *memory;
    uint64_t features; /* what the driver accepted */
    bool write_cache;  /* atomic; false: a write is done when it is durable */
    struct blk_queue queues[VIRTIO_MAX_QUEUES];
};

/* Makes the device that gives the guest this disk, with a given number of queues. */
int virtio_blk_init(struct virtio_blk *blk, struct nbd_disk *disk, const struct memory *memory,
                    unsigned queue_count);
void virtio_blk_free(struct virtio_blk *blk);

/* Must writes be durable before they are reported done? */
bool virtio_blk_is_writethrough(const struct virtio_blk *blk);

/* For requests: this one is over, its status byte is set. */
void blk_queue_finish(struct blk_queue *queue, struct blk_request *request, uint32_t written);

#endif
