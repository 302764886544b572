/* SPDX-License-Identifier: BSD-3-Clause */
/* blk-request.h - one request of the guest, from ring to NBD and back */

#ifndef VMM_BLK_REQUEST_H
#define VMM_BLK_REQUEST_H

#include <stdint.h>
#include <linux/virtio_blk.h>

#include "nbd-conn.h"
#include "virtqueue.h"

/* Published limits of DISCARD and WRITE_ZEROES. */
#define BLK_MAX_SEGMENTS 16
#define BLK_MAX_SEGMENT_SECTORS (UINT32_C(1) << 21) /* 1 GiB */

struct blk_queue;

enum blk_progress {
    BLK_STARTED, /* it will end in blk_queue_finish */
    BLK_HELD,    /* start it again when bounce buffers have been freed */
    BLK_BROKEN,  /* it has no place for a status: the driver is at fault */
};

struct blk_request {
    struct blk_queue *queue;
    struct blk_request *next; /* in the list of idle requests */
    struct virtqueue_chain chain;
    uint8_t *status;    /* the last writable byte, in guest memory */
    uint32_t type;      /* VIRTIO_BLK_T_* */
    struct iovec *data; /* what is between header and status */
    unsigned data_count;
    uint64_t start;    /* byte of the disk where the data go */
    uint64_t length;   /* bytes of data */
    uint64_t progress; /* bytes of data done */
    uint8_t *bounce;   /* staging for scattered data */
    uint64_t bounce_size;
    unsigned segment; /* of segments, the next to do */
    unsigned segment_count;
    struct virtio_blk_discard_write_zeroes segments[BLK_MAX_SEGMENTS];
    bool must_flush; /* a write-through write still wants its flush */
    struct nbd_request io;
};

/* The chain has been taken from the ring: understand it and set it going. */
enum blk_progress blk_request_start(struct blk_request *request);

#endif
