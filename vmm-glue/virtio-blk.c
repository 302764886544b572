/* SPDX-License-Identifier: BSD-3-Clause */
/* virtio-blk.c - the guest's disk
 *
 * Queue n is served by connection n of the disk, or they share the one there is.
 * The connection's thread takes requests from the ring at a kick and gives them
 * back as they end; it takes no more in one round than the ring holds, so a guest
 * cannot keep it from its other queues, and interrupts once per round at most.
 *
 * A queue has as many request structures as descriptors.  A driver that follows
 * the rules cannot need more; one that does not waits until some have ended.
 */

#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "report.h"
#include "virtio-blk.h"
#include "virtio-pci.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))

/* Finished requests of a queue being stopped are not given back: the driver asked
 * for a reset and has forgotten them.
 */
void blk_queue_finish(struct blk_queue *queue, struct blk_request *request, uint32_t written)
{
    if (!queue->stopping)
        virtqueue_push(&queue->ring, request->chain.head, written);
    request->next = queue->idle;
    queue->idle = request;
    queue->in_flight--;
}

static struct blk_request *next_request(struct blk_queue *queue)
{
    struct blk_request *request = queue->held;

    if (request) {
        queue->held = NULL;
        return request;
    }
    request = queue->idle;
    if (!request)
        return NULL;
    struct iovec *parts = request->chain.iov;
    struct blk_request *next = request->next;
    *request = (struct blk_request){ .queue = queue, .next = next, .chain.iov = parts };
    int popped = virtqueue_pop(&queue->ring, &request->chain);
    if (popped < 0)
        virtio_pci_queue_broken(queue->blk->device.transport, queue->index, queue->ring.broken);
    if (popped <= 0)
        return NULL;
    queue->idle = next;
    queue->in_flight++;
    return request;
}

/* Takes requests until there is none, or none can be taken: true if there may be
 * more once others have ended.
 */
static bool take_requests(struct blk_queue *queue)
{
    for (unsigned i = 0; i < queue->ring.size; i++) {
        struct blk_request *request = next_request(queue);
        if (!request)
            return !queue->idle;
        switch (blk_request_start(request)) {
        case BLK_STARTED: break;
        case BLK_HELD: queue->held = request; return true;
        case BLK_BROKEN:
            queue->ring.broken = "a request has no room for its status";
            virtio_pci_queue_broken(queue->blk->device.transport, queue->index, queue->ring.broken);
            queue->in_flight--;
            return false;
        }
    }
    return false;
}

static void serve(struct blk_queue *queue)
{
    if (queue->ring.broken)
        return;
    virtqueue_deafen(&queue->ring);
    if (take_requests(queue) || queue->ring.broken)
        return;
    if (virtqueue_listen(&queue->ring))
        eventfd_write(queue->source.fd, 1); /* the rest in the next round */
}

static struct blk_queue *queue_of_source(struct nbd_source *source)
{
    return (struct blk_queue *)((uint8_t *)source - offsetof(struct blk_queue, source));
}

static void on_kick(struct nbd_source *source)
{
    eventfd_t kicks;

    eventfd_read(source->fd, &kicks);
    serve(queue_of_source(source));
}

static void on_settle(struct nbd_source *source)
{
    struct blk_queue *queue = queue_of_source(source);

    if (queue->stopping) {
        if (queue->held) {
            queue->held = NULL;
            queue->in_flight--;
        }
        if (!queue->in_flight) {
            nbd_conn_unwatch(queue->conn, source);
            virtio_pci_queue_stopped(queue->blk->device.transport);
        }
        return;
    }
    if (queue->ring.signalled_used != queue->ring.next_used) {
        serve(queue);
        if (virtqueue_wants_interrupt(&queue->ring))
            virtio_pci_interrupt(queue->blk->device.transport, queue->index);
    }
}

static void run_start(struct nbd_task *task)
{
    struct blk_queue *queue =
        (struct blk_queue *)((uint8_t *)task - offsetof(struct blk_queue, start));

    nbd_conn_watch(queue->conn, &queue->source);
    eventfd_write(queue->source.fd, 1); /* a kick may have come before */
}

static void run_stop(struct nbd_task *task)
{
    struct blk_queue *queue =
        (struct blk_queue *)((uint8_t *)task - offsetof(struct blk_queue, stop));

    queue->stopping = true;
    on_settle(&queue->source);
}

static void line_up_requests(struct blk_queue *queue)
{
    unsigned size = queue->ring.size;

    queue->idle = NULL;
    for (unsigned i = 0; i < size; i++) {
        queue->requests[i].chain.iov = queue->parts + (size_t)i * size;
        queue->requests[i].next = queue->idle;
        queue->idle = &queue->requests[i];
    }
}

static const char *start_queue(struct virtio_device *device, unsigned index,
                               const struct virtqueue_config *config)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;
    struct blk_queue *queue = &blk->queues[index];

    if (virtqueue_init(&queue->ring, blk->memory, config,
                       blk->features & FEATURE(VIRTIO_RING_F_EVENT_IDX),
                       blk->features & FEATURE(VIRTIO_RING_F_INDIRECT_DESC)) < 0)
        return queue->ring.broken;
    queue->stopping = false;
    line_up_requests(queue);
    nbd_conn_post(queue->conn, &queue->start);
    return NULL;
}

static void stop_queue(struct virtio_device *device, unsigned index)
{
    struct blk_queue *queue = &((struct virtio_blk *)device)->queues[index];

    nbd_conn_post(queue->conn, &queue->stop);
}

static void set_write_cache(struct virtio_blk *blk, bool on)
{
    __atomic_store_n(&blk->write_cache, on, __ATOMIC_RELAXED);
}

bool virtio_blk_is_writethrough(const struct virtio_blk *blk)
{
    return !__atomic_load_n(&blk->write_cache, __ATOMIC_RELAXED);
}

static void reset(struct virtio_device *device)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;

    blk->features = 0;
    set_write_cache(blk, blk->disk->can_flush && !blk->disk->options->writethrough);
}

static void accept_features(struct virtio_device *device, uint64_t features)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;

    blk->features = features;
    /* A driver that cannot flush relies on writes being durable. */
    if (!(features & FEATURE(VIRTIO_BLK_F_FLUSH)))
        set_write_cache(blk, false);
}

static struct virtio_blk_config describe(const struct virtio_blk *blk)
{
    const struct nbd_disk *disk = blk->disk;
    uint32_t blocks = disk->preferred_size / disk->block_size;

    return (struct virtio_blk_config){
        .capacity = disk->size >> 9,
        .seg_max = blk->device.queue_size - 2U,
        .blk_size = disk->block_size,
        .physical_block_exp =
            (uint8_t)__builtin_ctz(disk->preferred_size < 4096 ? blocks : 4096 / disk->block_size),
        .min_io_size = (uint16_t)(blocks < UINT16_MAX ? blocks : UINT16_MAX),
        .opt_io_size = blocks,
        .wce = !virtio_blk_is_writethrough(blk),
        .num_queues = (uint16_t)blk->device.queue_count,
        .max_discard_sectors = BLK_MAX_SEGMENT_SECTORS,
        .max_discard_seg = BLK_MAX_SEGMENTS,
        .discard_sector_alignment = disk->preferred_size >> 9,
        .max_write_zeroes_sectors = BLK_MAX_SEGMENT_SECTORS,
        .max_write_zeroes_seg = BLK_MAX_SEGMENTS,
        .write_zeroes_may_unmap = 1,
    };
}

static uint64_t config_read(struct virtio_device *device, unsigned offset, unsigned size)
{
    struct virtio_blk_config config = describe((struct virtio_blk *)device);
    uint64_t value = 0;

    memcpy(&value, (uint8_t *)&config + offset, size);
    return value;
}

static void config_write(struct virtio_device *device, unsigned offset, unsigned size,
                         uint64_t value)
{
    struct virtio_blk *blk = (struct virtio_blk *)device;

    if (offset == offsetof(struct virtio_blk_config, wce) && size == 1 &&
        blk->features & FEATURE(VIRTIO_BLK_F_CONFIG_WCE))
        set_write_cache(blk, value & 1);
}

static const struct virtio_ops blk_ops = {
    .config_read = config_read,
    .config_write = config_write,
    .reset = reset,
    .accept_features = accept_features,
    .start_queue = start_queue,
    .stop_queue = stop_queue,
};

static uint64_t offered_features(const struct nbd_disk *disk, unsigned queue_count)
{
    const struct disk_options *options = disk->options;

    return FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_RING_F_EVENT_IDX) |
           FEATURE(VIRTIO_RING_F_INDIRECT_DESC) | FEATURE(VIRTIO_BLK_F_SEG_MAX) |
           FEATURE(VIRTIO_BLK_F_BLK_SIZE) | FEATURE(VIRTIO_BLK_F_TOPOLOGY) |
           (disk->readonly ? FEATURE(VIRTIO_BLK_F_RO) : 0) |
           (disk->can_flush ? FEATURE(VIRTIO_BLK_F_FLUSH) | FEATURE(VIRTIO_BLK_F_CONFIG_WCE) : 0) |
           (disk->can_trim && options->discard ? FEATURE(VIRTIO_BLK_F_DISCARD) : 0) |
           (disk->can_zero && options->write_zeroes ? FEATURE(VIRTIO_BLK_F_WRITE_ZEROES) : 0) |
           (queue_count > 1 ? FEATURE(VIRTIO_BLK_F_MQ) : 0);
}

static int init_queue(struct virtio_blk *blk, unsigned index)
{
    struct blk_queue *queue = &blk->queues[index];
    size_t size = blk->device.queue_size;

    queue->requests = calloc(size, sizeof *queue->requests);
    queue->parts = calloc(size * size, sizeof *queue->parts);
    queue->source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!queue->requests || !queue->parts || queue->source.fd < 0) {
        report("cannot make queue %u of disk %s: %s", index, blk->device.name, strerror(errno));
        return -1;
    }
    queue->blk = blk;
    queue->index = index;
    queue->conn = &blk->disk->conns[index % blk->disk->conn_count];
    queue->source.ready = on_kick;
    queue->source.settle = on_settle;
    queue->start.run = run_start;
    queue->stop.run = run_stop;
    blk->device.kick_fds[index] = queue->source.fd;
    return 0;
}

int virtio_blk_init(struct virtio_blk *blk, struct nbd_disk *disk, const struct memory *memory,
                    unsigned queue_count)
{
    *blk = (struct virtio_blk){
        .device = { .ops = &blk_ops,
                    .name = disk->options->source,
                    .features = offered_features(disk, queue_count),
                    .config_length = offsetof(struct virtio_blk_config, max_secure_erase_sectors),
                    .queue_count = queue_count,
                    .queue_size = (uint16_t)disk->options->queue_size },
        .disk = disk,
        .memory = memory,
    };
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
        blk->queues[i].source.fd = -1;
    for (unsigned i = 0; i < queue_count; i++)
        if (init_queue(blk, i) < 0)
            return -1;
    return 0;
}

void virtio_blk_free(struct virtio_blk *blk)
{
    for (unsigned i = 0; i < VIRTIO_MAX_QUEUES && blk->device.ops; i++) {
        struct blk_queue *queue = &blk->queues[i];
        free(queue->requests);
        free(queue->parts);
        if (queue->source.fd >= 0)
            close(queue->source.fd);
    }
    blk->device.ops = NULL;
}
