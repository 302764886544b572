/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio.h - the wall between a virtio device and its transport */

#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <stdint.h>

#include "virtqueue.h"

#define VIRTIO_MAX_QUEUES 16

struct virtio_device;
struct virtio_pci;

/* What a kind of device provides.  The transport calls all of them from vCPU
 * threads with its lock held, so they must not wait for I/O.
 */
struct virtio_ops {
    /* Configuration fields; the access lies within config_length. */
    uint64_t (*config_read)(struct virtio_device *device, unsigned offset, unsigned size);
    void (*config_write)(struct virtio_device *device, unsigned offset, unsigned size,
                         uint64_t value);

    /* Forget the driver's choices; no queue is running. */
    void (*reset)(struct virtio_device *device);

    /* The driver has settled on these features; called before start_queue. */
    void (*accept_features)(struct virtio_device *device, uint64_t features);

    /* Serve this queue: NULL, or what is wrong with its configuration. */
    const char *(*start_queue)(struct virtio_device *device, unsigned queue,
                               const struct virtqueue_config *config);

    /* Take no more requests and touch no guest memory once those in flight are
     * through, then call virtio_pci_queue_stopped, from any thread.
     */
    void (*stop_queue)(struct virtio_device *device, unsigned queue);
};

/* Immutable once the transport knows it. */
struct virtio_device {
    const struct virtio_ops *ops;
    struct virtio_pci *transport; /* set by the transport */
    const char *name;             /* for messages */
    uint64_t features;            /* offered */
    unsigned config_length;       /* bytes of device configuration */
    unsigned queue_count;
    uint16_t queue_size;             /* the largest the driver may choose */
    int kick_fds[VIRTIO_MAX_QUEUES]; /* eventfds the transport signals at a kick */
};

#endif
