/* SPDX-License-Identifier: BSD-3-Clause */
/* virtqueue.c - a split virtqueue, the device's side
 *
 *     descriptors:  {address, length, flags, next} * size    the driver writes
 *     available:    flags, idx, head * size, used_event      the driver writes
 *     used:         flags, idx, {head, length} * size, avail_event    we write
 *
 * Everything the driver writes can change under our eyes, so each value is
 * loaded once and then checked.  A chain is refused if it
 *
 *   - begins at, or goes on to, a descriptor beyond the table;
 *   - has more descriptors, indirect ones included, than the queue (this ends
 *     every loop, too);
 *   - has a part that is empty or not wholly in RAM;
 *   - goes back to a readable part after a writable one;
 *   - uses an indirect table unasked, inside another, together with NEXT, or of
 *     a size that is no multiple of a descriptor.
 *
 * After any of these the ring's state cannot be trusted: the queue is broken
 * until the device is reset.  So it is when the driver claims to have made more
 * requests available than the ring can hold.
 */

#include <linux/virtio_ring.h>
#include <stddef.h>

#include "virtqueue.h"

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)
#define LOAD_ACQUIRE(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)
#define STORE_RELEASE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)
/* A store that is a full barrier as well: a fence of its own is not known to TSan. */
#define STORE_AND_FENCE(field, value) \
    ((void)__atomic_exchange_n(&(field), (value), __ATOMIC_SEQ_CST))

static int fail(struct virtqueue *queue, const char *why)
{
    queue->broken = why;
    return -1;
}

int virtqueue_init(struct virtqueue *queue, const struct memory *memory,
                   const struct virtqueue_config *config, bool event_idx, bool indirect)
{
    uint64_t size = config->size;

    *queue = (struct virtqueue){
        .memory = memory,
        .size = config->size,
        .event_idx = event_idx,
        .indirect = indirect,
    };
    if (size == 0 || size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)))
        return fail(queue, "its size is not a power of two up to 1024");
    if (config->descriptors % VRING_DESC_ALIGN_SIZE || config->available % VRING_AVAIL_ALIGN_SIZE ||
        config->used % VRING_USED_ALIGN_SIZE)
        return fail(queue, "its rings are not aligned");
    /* Rings end with the event index, which is there even when not negotiated. */
    queue->descriptors = memory_range(memory, config->descriptors, 16 * size);
    queue->available = memory_range(memory, config->available, 6 + 2 * size);
    queue->used = memory_range(memory, config->used, 6 + 8 * size);
    if (!queue->descriptors || !queue->available || !queue->used)
        return fail(queue, "its rings are not in RAM");
    return 0;
}

static uint16_t *used_event(struct virtqueue *queue)
{
    return &queue->available->ring[queue->size];
}

static uint16_t *avail_event(struct virtqueue *queue)
{
    return (uint16_t *)&queue->used->ring[queue->size];
}

static struct vring_desc load_descriptor(const struct vring_desc *slot)
{
    return (struct vring_desc){
        .addr = LOAD(slot->addr),
        .len = LOAD(slot->len),
        .flags = LOAD(slot->flags),
        .next = LOAD(slot->next),
    };
}

static int add_part(struct virtqueue *queue, struct virtqueue_chain *chain,
                    const struct vring_desc *descriptor)
{
    bool writable = descriptor->flags & VRING_DESC_F_WRITE;
    void *part = memory_range(queue->memory, descriptor->addr, descriptor->len);

    if (!descriptor->len)
        return fail(queue, "a buffer is empty");
    if (!part)
        return fail(queue, "a buffer is not in RAM");
    if (!writable && chain->count > chain->out_count)
        return fail(queue, "a readable buffer follows a writable one");
    chain->iov[chain->count++] = (struct iovec){ .iov_base = part, .iov_len = descriptor->len };
    if (!writable)
        chain->out_count++;
    return 0;
}

struct table {
    const struct vring_desc *descriptors;
    uint32_t length; /* in descriptors */
    bool indirect;
};

static int enter_indirect(struct virtqueue *queue, const struct vring_desc *descriptor,
                          struct table *table)
{
    if (!queue->indirect)
        return fail(queue, "an indirect table was not negotiated");
    if (table->indirect)
        return fail(queue, "an indirect table is inside another");
    if (descriptor->flags & VRING_DESC_F_NEXT)
        return fail(queue, "an indirect table has a successor");
    if (!descriptor->len || descriptor->len % sizeof *descriptor)
        return fail(queue, "an indirect table's size is no multiple of 16");
    *table = (struct table){
        .descriptors = memory_range(queue->memory, descriptor->addr, descriptor->len),
        .length = descriptor->len / sizeof *descriptor,
        .indirect = true,
    };
    return table->descriptors ? 0 : fail(queue, "an indirect table is not in RAM");
}

static int walk_chain(struct virtqueue *queue, struct virtqueue_chain *chain)
{
    struct table table = { .descriptors = queue->descriptors, .length = queue->size };
    uint32_t index = chain->head;

    for (;;) {
        if (index >= table.length)
            return fail(queue, "a descriptor is beyond its table");
        struct vring_desc descriptor = load_descriptor(&table.descriptors[index]);
        if (descriptor.flags & VRING_DESC_F_INDIRECT) {
            if (enter_indirect(queue, &descriptor, &table) < 0)
                return -1;
            index = 0;
            continue;
        }
        if (chain->count == queue->size)
            return fail(queue, "a chain is longer than the queue");
        if (add_part(queue, chain, &descriptor) < 0)
            return -1;
        if (!(descriptor.flags & VRING_DESC_F_NEXT))
            return 1;
        index = descriptor.next;
    }
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
    if (queue->broken)
        return -1;
    uint16_t waiting = (uint16_t)(LOAD_ACQUIRE(queue->available->idx) - queue->next_available);
    if (!waiting)
        return 0;
    if (waiting > queue->size)
        return fail(queue, "more requests are available than the ring can hold");
    chain->head = LOAD(queue->available->ring[queue->next_available % queue->size]);
    chain->count = chain->out_count = 0;
    queue->next_available++;
    return walk_chain(queue, chain);
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
    struct vring_used_elem *element = &queue->used->ring[queue->next_used % queue->size];

    STORE(element->id, (uint32_t)head);
    STORE(element->len, written);
    queue->next_used++;
    STORE_RELEASE(queue->used->idx, queue->next_used);
}

void virtqueue_deafen(struct virtqueue *queue)
{
    /* With event indexes an avail_event that lags behind is deafness enough. */
    if (!queue->event_idx)
        STORE(queue->used->flags, (uint16_t)VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_listen(struct virtqueue *queue)
{
    /* The driver must see this before we look for what it added meanwhile. */
    if (queue->event_idx)
        STORE_AND_FENCE(*avail_event(queue), queue->next_available);
    else
        STORE_AND_FENCE(queue->used->flags, (uint16_t)0);
    return LOAD_ACQUIRE(queue->available->idx) != queue->next_available;
}

bool virtqueue_wants_interrupt(struct virtqueue *queue)
{
    uint16_t old = queue->signalled_used;
    uint16_t now = queue->next_used;

    if (old == now)
        return false;
    queue->signalled_used = now;
    /* The driver must see the used index before we see whether it is waiting. */
    STORE_AND_FENCE(queue->used->idx, now);
    if (queue->event_idx)
        return (uint16_t)(now - LOAD(*used_event(queue)) - 1) < (uint16_t)(now - old);
    return !(LOAD(queue->available->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}
