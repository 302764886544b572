/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-virtqueue.c - rings are walked as the driver wrote them, malformed ones refused */

#include "vmm-scratch.h"

#include <linux/virtio_ring.h>

#include "../../vmm-glue/virtqueue.h"

#define RAM_SIZE (1 << 20)
#define SIZE 8
#define DESCRIPTORS 0x1000
#define AVAILABLE 0x2000
#define USED 0x3000
#define BUFFERS 0x10000

struct ring {
    struct memory memory;
    struct virtqueue queue;
    struct vring_desc *descriptors;
    struct vring_avail *available;
    struct vring_used *used;
    struct iovec iov[SIZE];
    struct virtqueue_chain chain;
};

static const struct virtqueue_config sane = { SIZE, DESCRIPTORS, AVAILABLE, USED };

static int set_up(void **state)
{
    struct ring *ring = calloc(1, sizeof *ring);

    assert_int_equal(memory_init(&ring->memory, RAM_SIZE), 0);
    assert_int_equal(virtqueue_init(&ring->queue, &ring->memory, &sane, false, true), 0);
    ring->descriptors = memory_range(&ring->memory, DESCRIPTORS, 16 * SIZE);
    ring->available = memory_range(&ring->memory, AVAILABLE, 6 + 2 * SIZE);
    ring->used = memory_range(&ring->memory, USED, 6 + 8 * SIZE);
    ring->chain.iov = ring->iov;
    *state = ring;
    return 0;
}

static int tear_down(void **state)
{
    struct ring *ring = *state;

    memory_free(&ring->memory);
    free(ring);
    return 0;
}

static struct vring_desc part(uint64_t address, uint32_t length, uint16_t flags, uint16_t next)
{
    return (struct vring_desc){ .addr = address, .len = length, .flags = flags, .next = next };
}

static void offer(struct ring *ring, uint16_t head)
{
    ring->available->ring[ring->available->idx % SIZE] = head;
    ring->available->idx++;
}

static void assert_broken(struct ring *ring, const char *why)
{
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), -1);
    assert_non_null(ring->queue.broken);
    if (!strstr(ring->queue.broken, why))
        fail_msg("\"%s\" is not in \"%s\"", why, ring->queue.broken);
    /* and stays so */
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), -1);
}

static void chain_is_taken_in_order(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[3] = part(BUFFERS, 16, VRING_DESC_F_NEXT, 5);
    ring->descriptors[5] = part(BUFFERS + 0x1000, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0);
    ring->descriptors[0] = part(BUFFERS + 0x2000, 1, VRING_DESC_F_WRITE, 7);
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), 0);
    offer(ring, 3);
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), 1);
    assert_int_equal(ring->chain.head, 3);
    assert_int_equal(ring->chain.count, 3);
    assert_int_equal(ring->chain.out_count, 1);
    assert_ptr_equal(ring->iov[1].iov_base, ring->memory.base + BUFFERS + 0x1000);
    assert_int_equal(ring->iov[1].iov_len, 512);
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), 0);
    virtqueue_push(&ring->queue, 3, 513);
    assert_int_equal(ring->used->idx, 1);
    assert_int_equal(ring->used->ring[0].id, 3);
    assert_int_equal(ring->used->ring[0].len, 513);
}

static void indirect_chain_is_taken(void **state)
{
    struct ring *ring = *state;
    struct vring_desc *table = memory_range(&ring->memory, 0x8000, 3 * 16);

    table[0] = part(BUFFERS, 16, VRING_DESC_F_NEXT, 2);
    table[2] = part(BUFFERS + 512, 1, VRING_DESC_F_WRITE, 0);
    ring->descriptors[1] = part(0x8000, 3 * 16, VRING_DESC_F_INDIRECT, 0);
    offer(ring, 1);
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), 1);
    assert_int_equal(ring->chain.count, 2);
    assert_int_equal(ring->chain.out_count, 1);
}

static void index_wraps_around(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(BUFFERS, 16, 0, 0);
    for (unsigned i = 0; i < 0x10000 + 3 * SIZE; i++) {
        offer(ring, 0);
        assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), 1);
        virtqueue_push(&ring->queue, 0, i);
        assert_int_equal(ring->used->ring[i % SIZE].len, i);
        assert_int_equal(ring->used->idx, (uint16_t)(i + 1));
    }
}

static void head_beyond_table(void **state)
{
    offer(*state, SIZE);
    assert_broken(*state, "beyond its table");
}

static void next_beyond_table(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(BUFFERS, 16, VRING_DESC_F_NEXT, 0xffff);
    offer(ring, 0);
    assert_broken(ring, "beyond its table");
}

static void loop(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(BUFFERS, 16, VRING_DESC_F_NEXT, 1);
    ring->descriptors[1] = part(BUFFERS, 16, VRING_DESC_F_NEXT, 0);
    offer(ring, 0);
    assert_broken(ring, "longer than the queue");
}

static void indirect_loop(void **state)
{
    struct ring *ring = *state;
    struct vring_desc *table = memory_range(&ring->memory, 0x8000, 16);

    table[0] = part(BUFFERS, 16, VRING_DESC_F_NEXT, 0);
    ring->descriptors[0] = part(0x8000, 16, VRING_DESC_F_INDIRECT, 0);
    offer(ring, 0);
    assert_broken(ring, "longer than the queue");
}

static void indirect_inside_indirect(void **state)
{
    struct ring *ring = *state;
    struct vring_desc *table = memory_range(&ring->memory, 0x8000, 16);

    table[0] = part(0x8000, 16, VRING_DESC_F_INDIRECT, 0);
    ring->descriptors[0] = part(0x8000, 16, VRING_DESC_F_INDIRECT, 0);
    offer(ring, 0);
    assert_broken(ring, "inside another");
}

static void indirect_with_successor(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(0x8000, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1);
    offer(ring, 0);
    assert_broken(ring, "successor");
}

static void indirect_of_odd_size(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(0x8000, 24, VRING_DESC_F_INDIRECT, 0);
    offer(ring, 0);
    assert_broken(ring, "multiple of 16");
}

static void indirect_outside_ram(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(RAM_SIZE - 16, 32, VRING_DESC_F_INDIRECT, 0);
    offer(ring, 0);
    assert_broken(ring, "not in RAM");
}

static void indirect_not_negotiated(void **state)
{
    struct ring *ring = *state;

    ring->queue.indirect = false;
    ring->descriptors[0] = part(0x8000, 16, VRING_DESC_F_INDIRECT, 0);
    offer(ring, 0);
    assert_broken(ring, "not negotiated");
}

static void empty_buffer(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(BUFFERS, 0, 0, 0);
    offer(ring, 0);
    assert_broken(ring, "empty");
}

static void buffer_across_the_end_of_ram(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(RAM_SIZE - 8, 16, 0, 0);
    offer(ring, 0);
    assert_broken(ring, "not in RAM");
}

static void buffer_that_overflows_addresses(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(UINT64_MAX - 7, 16, 0, 0);
    offer(ring, 0);
    assert_broken(ring, "not in RAM");
}

static void readable_after_writable(void **state)
{
    struct ring *ring = *state;

    ring->descriptors[0] = part(BUFFERS, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
    ring->descriptors[1] = part(BUFFERS, 16, 0, 0);
    offer(ring, 0);
    assert_broken(ring, "follows a writable");
}

static void more_requests_than_the_ring_holds(void **state)
{
    struct ring *ring = *state;

    ring->available->idx = SIZE + 1;
    assert_broken(ring, "more requests");
}

static void assert_refused(const struct memory *memory, struct virtqueue_config config,
                           const char *why)
{
    struct virtqueue queue;

    assert_int_equal(virtqueue_init(&queue, memory, &config, false, true), -1);
    assert_non_null(strstr(queue.broken, why));
}

static void refused_configurations(void **state)
{
    const struct memory *memory = &((struct ring *)*state)->memory;

    assert_refused(memory, (struct virtqueue_config){ 0, 0x1000, 0x2000, 0x3000 }, "power of two");
    assert_refused(memory, (struct virtqueue_config){ 6, 0x1000, 0x2000, 0x3000 }, "power of two");
    assert_refused(memory, (struct virtqueue_config){ 2048, 0, 0x20000, 0x30000 }, "power of two");
    assert_refused(memory, (struct virtqueue_config){ 8, 0x1008, 0x2000, 0x3000 }, "aligned");
    assert_refused(memory, (struct virtqueue_config){ 8, 0x1000, 0x2001, 0x3000 }, "aligned");
    assert_refused(memory, (struct virtqueue_config){ 8, 0x1000, 0x2000, 0x3002 }, "aligned");
    assert_refused(memory, (struct virtqueue_config){ 8, RAM_SIZE - 64, 0x2000, 0x3000 }, "RAM");
    assert_refused(memory, (struct virtqueue_config){ 8, 0x1000, RAM_SIZE - 20, 0x3000 }, "RAM");
    assert_refused(memory, (struct virtqueue_config){ 8, 0x1000, 0x2000, RAM_SIZE - 68 }, "RAM");
    assert_refused(memory, (struct virtqueue_config){ 8, 0x1000, 0x2000, UINT64_MAX - 3 }, "RAM");
}

static void interrupts_follow_the_flag(void **state)
{
    struct ring *ring = *state;

    assert_false(virtqueue_wants_interrupt(&ring->queue));
    virtqueue_push(&ring->queue, 0, 0);
    assert_true(virtqueue_wants_interrupt(&ring->queue));
    assert_false(virtqueue_wants_interrupt(&ring->queue));
    ring->available->flags = VRING_AVAIL_F_NO_INTERRUPT;
    virtqueue_push(&ring->queue, 0, 0);
    assert_false(virtqueue_wants_interrupt(&ring->queue));
}

static void interrupts_follow_the_event_index(void **state)
{
    struct ring *ring = *state;

    ring->queue.event_idx = true;
    ring->available->ring[SIZE] = 2; /* the driver waits for the third */
    virtqueue_push(&ring->queue, 0, 0);
    assert_false(virtqueue_wants_interrupt(&ring->queue));
    virtqueue_push(&ring->queue, 0, 0);
    virtqueue_push(&ring->queue, 0, 0);
    assert_true(virtqueue_wants_interrupt(&ring->queue));
    virtqueue_push(&ring->queue, 0, 0);
    assert_false(virtqueue_wants_interrupt(&ring->queue));
}

static void kicks_are_asked_for(void **state)
{
    struct ring *ring = *state;

    virtqueue_deafen(&ring->queue);
    assert_int_equal(ring->used->flags, VRING_USED_F_NO_NOTIFY);
    assert_false(virtqueue_listen(&ring->queue));
    assert_int_equal(ring->used->flags, 0);
    offer(ring, 0);
    assert_true(virtqueue_listen(&ring->queue));
    ring->queue.event_idx = true;
    ring->descriptors[0] = part(BUFFERS, 16, 0, 0);
    assert_int_equal(virtqueue_pop(&ring->queue, &ring->chain), 1);
    assert_false(virtqueue_listen(&ring->queue));
    assert_memory_equal(&ring->used->ring[SIZE], "\1", 2);
}

/* Whatever stands in the rings, popping ends and yields parts of RAM only. */
static void random_rings(void **state)
{
    struct ring *ring = *state;
    unsigned taken = 0;

    srandom(7);
    for (unsigned round = 0; round < 20000; round++) {
        assert_int_equal(virtqueue_init(&ring->queue, &ring->memory, &sane, round & 1, true), 0);
        for (unsigned i = 0; i < SIZE; i++)
            ring->descriptors[i] = part((uint64_t)(random() % (RAM_SIZE + 0x2000)) & ~UINT64_C(15),
                                        (uint32_t)random() % 64, (uint16_t)(random() % 8),
                                        (uint16_t)(random() % (SIZE + 1)));
        for (unsigned i = 0; i < SIZE; i++)
            ring->available->ring[i] = (uint16_t)(random() % (SIZE + 1));
        ring->available->idx = (uint16_t)(random() % (SIZE + 2));
        while (virtqueue_pop(&ring->queue, &ring->chain) == 1) {
            taken++;
            assert_in_range(ring->chain.count, 1, SIZE);
            for (unsigned i = 0; i < ring->chain.count; i++) {
                uint8_t *base = ring->iov[i].iov_base;
                assert_true(base >= ring->memory.base);
                assert_true(base + ring->iov[i].iov_len <= ring->memory.base + RAM_SIZE);
            }
            virtqueue_push(&ring->queue, ring->chain.head, 0);
        }
    }
    assert_true(taken > 1000); /* the test does reach the good path */
}

#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(chain_is_taken_in_order),
        RING_TEST(indirect_chain_is_taken),
        RING_TEST(index_wraps_around),
        RING_TEST(head_beyond_table),
        RING_TEST(next_beyond_table),
        RING_TEST(loop),
        RING_TEST(indirect_loop),
        RING_TEST(indirect_inside_indirect),
        RING_TEST(indirect_with_successor),
        RING_TEST(indirect_of_odd_size),
        RING_TEST(indirect_outside_ram),
        RING_TEST(indirect_not_negotiated),
        RING_TEST(empty_buffer),
        RING_TEST(buffer_across_the_end_of_ram),
        RING_TEST(buffer_that_overflows_addresses),
        RING_TEST(readable_after_writable),
        RING_TEST(more_requests_than_the_ring_holds),
        RING_TEST(refused_configurations),
        RING_TEST(interrupts_follow_the_flag),
        RING_TEST(interrupts_follow_the_event_index),
        RING_TEST(kicks_are_asked_for),
        RING_TEST(random_rings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
