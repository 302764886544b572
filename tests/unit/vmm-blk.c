/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-blk.c - the guest's disk reads and writes what the NBD server has */

#include "vmm-guest.h"

#define SECTOR 512
#define MIB (1 << 20)

static void reads_and_writes(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 7, 4096), VIRTIO_BLK_S_OK);
    for (unsigned i = 0; i < 4096; i++)
        assert_int_equal(at(&guest, DATA)[i], pattern(7 * SECTOR + i));
    memset(at(&guest, DATA), 0x5a, 1024);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 9, 1024), VIRTIO_BLK_S_OK);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_OK);
    assert_int_equal(disk_byte(9 * SECTOR - 1), pattern(9 * SECTOR - 1));
    assert_int_equal(disk_byte(9 * SECTOR), 0x5a);
    assert_int_equal(disk_byte(11 * SECTOR - 1), 0x5a);
    assert_int_equal(disk_byte(11 * SECTOR), pattern(11 * SECTOR));
    /* the last sector of all */
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, DISK_SIZE / SECTOR - 1, SECTOR), 0);
    guest_down(&guest);
}

static void parts_may_be_cut_anywhere(void **state)
{
    struct guest guest = { 0 };
    const struct vring_desc parts[] = {
        { .addr = HEADER, .len = 5 },
        { .addr = HEADER + 5, .len = 10 },
        { .addr = HEADER + 15, .len = 1 },
        { .addr = DATA, .len = 1, .flags = VRING_DESC_F_WRITE },
        { .addr = DATA + 0x1000, .len = 1000, .flags = VRING_DESC_F_WRITE },
        { .addr = DATA + 0x2000, .len = 24, .flags = VRING_DESC_F_WRITE },
    };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    put_header(&guest, VIRTIO_BLK_T_IN, 3);
    offer_chain(&guest, 0, 0, parts, 6);
    assert_int_equal(await(&guest, 0), 1025);
    assert_int_equal(at(&guest, DATA)[0], pattern(3 * SECTOR));
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(at(&guest, DATA + 0x1000)[i], pattern(3 * SECTOR + 1 + i));
    for (unsigned i = 0; i < 23; i++)
        assert_int_equal(at(&guest, DATA + 0x2000)[i], pattern(3 * SECTOR + 1001 + i));
    assert_int_equal(at(&guest, DATA + 0x2000)[23], VIRTIO_BLK_S_OK);
    guest_down(&guest);
}

/* More than the bounce buffer holds at once, in uneven parts. */
static void large_scattered_data(void **state)
{
    static const uint32_t lengths[] = { MIB - 1, 3, MIB, 700 * 1024 - 2 };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    for (unsigned write = 0; write < 2; write++) {
        struct vring_desc parts[6] = { { .addr = HEADER, .len = 16 } };
        uint64_t address = DATA, position = 0;
        for (unsigned i = 0; i < 4; i++, address += 2 * MIB) {
            parts[i + 1] = (struct vring_desc){ .addr = address,
                                                .len = lengths[i],
                                                .flags = write ? 0 : VRING_DESC_F_WRITE };
            for (uint32_t j = 0; write && j < lengths[i]; j++)
                at(&guest, address)[j] = (uint8_t)~pattern(512 * 100 + position++);
        }
        parts[5] = (struct vring_desc){ .addr = STATUS, .len = 1, .flags = VRING_DESC_F_WRITE };
        put_header(&guest, write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, 100);
        offer_chain(&guest, 0, 0, parts, 6);
        await(&guest, 0);
        assert_int_equal(*at(&guest, STATUS), VIRTIO_BLK_S_OK);
        for (unsigned i = 0; !write && i < 4; i++)
            for (uint32_t j = 0; j < lengths[i]; j++)
                if (at(&guest, DATA + (uint64_t)i * 2 * MIB)[j] != pattern(51200 + position++))
                    fail_msg("byte %llu is wrong", (unsigned long long)position - 1);
    }
    for (uint64_t i = 51200; i < 51200 + 2 * MIB + 700 * 1024; i += 997)
        assert_int_equal(disk_byte(i), (uint8_t)~pattern(i));
    guest_down(&guest);
}

static void put_segment(struct guest *guest, unsigned index, uint64_t sector, uint32_t count,
                        uint32_t flags)
{
    struct virtio_blk_discard_write_zeroes segment = { sector, count, flags };

    memcpy(at(guest, DATA + index * sizeof segment), &segment, sizeof segment);
}

static void zeroes_and_discards(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    put_segment(&guest, 0, 16, 8, 0);
    put_segment(&guest, 1, 32, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, 0, 32), VIRTIO_BLK_S_OK);
    put_segment(&guest, 0, 64, 64, 0);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_OK);
    assert_int_equal(disk_byte(16 * SECTOR), 0);
    assert_int_equal(disk_byte(24 * SECTOR - 1), 0);
    assert_int_equal(disk_byte(24 * SECTOR), pattern(24 * SECTOR));
    assert_int_equal(disk_byte(32 * SECTOR), 0);
    assert_int_equal(disk_byte(40 * SECTOR), pattern(40 * SECTOR));
    guest_down(&guest);
}

static void identity_and_geometry(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "serial=0123456789abcdefghijklmn,queue-size=64", 2);
    memset(at(&guest, DATA), 0x77, 32);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_GET_ID, 0, 20), VIRTIO_BLK_S_OK);
    assert_memory_equal(at(&guest, DATA), "0123456789abcdefghij\x77", 21);
    assert_int_equal(reg_read(&guest, DEVICE, 4), DISK_SIZE / SECTOR);
    assert_int_equal(reg_read(&guest, DEVICE, 8), DISK_SIZE / SECTOR);
    assert_int_equal(reg_read(&guest, DEVICE + 12, 4), 62);     /* seg_max */
    assert_int_equal(reg_read(&guest, DEVICE + 20, 4), SECTOR); /* blk_size */
    assert_int_equal(reg_read(&guest, DEVICE + 32, 1), 1);      /* write back */
    assert_int_equal(reg_read(&guest, DEVICE + 34, 2), 2);      /* queues */
    assert_int_equal(reg_read(&guest, VIRTIO_PCI_COMMON_NUMQ, 2), 2);
    guest_down(&guest);
}

static bool log_has(const char *text)
{
    char line[512];
    FILE *log = fopen("log", "r");
    bool found = false;

    while (log && fgets(line, sizeof line, log))
        found = found || strstr(line, text);
    if (log)
        fclose(log);
    return found;
}

static void write_through_is_durable(void **state)
{
    static const char *const server[] = { "--filter=log", "file", "disk", "logfile=log", NULL };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    start_server(&guest, server);
    guest_up(&guest, "", 1);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, SECTOR), VIRTIO_BLK_S_OK);
    assert_false(log_has("fua=1"));
    reg_write(&guest, DEVICE + 32, 1, 0); /* the driver switches the write cache off */
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, SECTOR), VIRTIO_BLK_S_OK);
    assert_true(log_has("fua=1"));
    guest_down(&guest);
}

static void write_through_without_fua_flushes(void **state)
{
    static const char *const server[] = { "--filter=fua", "--filter=log", "file",
                                          "disk",         "logfile=log",  NULL };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    unlink("log");
    start_server(&guest, server);
    guest_up(&guest, "cache=writethrough", 1);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, SECTOR), VIRTIO_BLK_S_OK);
    assert_true(log_has("Flush"));
    guest_down(&guest);
}

/* Requests in flight delay the reset; afterwards the device is as new. */
static void reset_waits_for_what_is_in_flight(void **state)
{
    static const char *const server[] = { "--filter=delay", "file", "disk", "rdelay=300ms", NULL };
    const struct vring_desc parts[] = {
        { .addr = HEADER, .len = 16 },
        { .addr = DATA, .len = 4096, .flags = VRING_DESC_F_WRITE },
        { .addr = STATUS, .len = 1, .flags = VRING_DESC_F_WRITE },
    };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    start_server(&guest, server);
    guest_up(&guest, "", 2);
    put_header(&guest, VIRTIO_BLK_T_IN, 0);
    for (unsigned i = 0; i < 5; i++)
        offer_chain(&guest, 0, (uint16_t)(3 * i), parts, 3);
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    set_status(&guest, 0);
    assert_int_not_equal(status_of(&guest), 0);
    set_status(&guest, VIRTIO_CONFIG_S_ACKNOWLEDGE); /* too early: ignored */
    reset(&guest);
    assert_int_equal(used_ring(&guest, 0)->idx, 0);
    assert_int_equal(reg_read(&guest, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
    memset(at(&guest, DATA), 0x99, 4096);
    nanosleep(&(struct timespec){ .tv_nsec = 400000000 }, NULL);
    for (unsigned i = 0; i < 4096; i++)
        assert_int_equal(at(&guest, DATA)[i], 0x99);
    drive(&guest, 0);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 4096), VIRTIO_BLK_S_OK);
    assert_int_equal(at(&guest, DATA)[5], pattern(5));
    guest_down(&guest);
}

/* A read of its own for each queue, all under way at once. */
static void offer_read(struct guest *guest, unsigned queue, uint64_t sector)
{
    const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_IN, .sector = sector };
    const struct vring_desc parts[] = {
        { .addr = HEADER + queue * 64, .len = sizeof header },
        { .addr = DATA + queue * MIB, .len = 65536, .flags = VRING_DESC_F_WRITE },
        { .addr = STATUS + queue * 64, .len = 1, .flags = VRING_DESC_F_WRITE },
    };

    memcpy(at(guest, HEADER + queue * 64), &header, sizeof header);
    *at(guest, STATUS + queue * 64) = UNTOUCHED;
    offer_chain(guest, queue, 0, parts, 3);
}

static void queues_work_side_by_side(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 4);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned queue = 0; queue < 4; queue++)
            offer_read(&guest, queue, (round * 2 + queue) * 64);
        for (unsigned queue = 0; queue < 4; queue++) {
            assert_int_equal(await(&guest, queue), 65537);
            assert_int_equal(*at(&guest, STATUS + queue * 64), VIRTIO_BLK_S_OK);
            uint64_t start = (uint64_t)(round * 2 + queue) * 64 * SECTOR;
            for (unsigned i = 0; i < 65536; i += 509)
                assert_int_equal(at(&guest, DATA + queue * MIB)[i], pattern(start + i));
        }
    }
    guest_down(&guest);
}

static void reset_again_and_again(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 3);
    for (unsigned i = 0; i < 200; i++) {
        for (unsigned queue = 0; queue < 3; queue++)
            offer_read(&guest, queue, i);
        reset(&guest);
        drive(&guest, i % 2 ? offered(&guest) : 0);
    }
    guest_down(&guest);
}

/* The event index asks for kicks and interrupts at the right moments: nothing hangs. */
static void event_index(void **state)
{
    struct guest guest = { 0 };
    uint16_t asked_for;

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    reset(&guest);
    drive(&guest, offered(&guest));
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, i, SECTOR), VIRTIO_BLK_S_OK);
    memcpy(&asked_for, &used_ring(&guest, 0)->ring[RING_SIZE], sizeof asked_for);
    assert_int_equal(asked_for, 300);
    guest_down(&guest);
}

static void large_blocks_are_passed_on(void **state)
{
    static const char *const server[] = { "--filter=blocksize-policy",
                                          "file",
                                          "disk",
                                          "blocksize-minimum=4096",
                                          "blocksize-preferred=65536",
                                          "blocksize-maximum=1M",
                                          "blocksize-error-policy=error",
                                          NULL };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    start_server(&guest, server);
    guest_up(&guest, "", 1);
    assert_int_equal(reg_read(&guest, DEVICE + 20, 4), 4096);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 1, 4096), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    /* more than the server takes at once */
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 8, 3 * MIB + 4096), VIRTIO_BLK_S_OK);
    for (unsigned i = 0; i < 3 * MIB + 4096; i += 511)
        assert_int_equal(at(&guest, DATA)[i], pattern(4096 + i));
    guest_down(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes),
        cmocka_unit_test(parts_may_be_cut_anywhere),
        cmocka_unit_test(large_scattered_data),
        cmocka_unit_test(zeroes_and_discards),
        cmocka_unit_test(identity_and_geometry),
        cmocka_unit_test(queues_work_side_by_side),
        cmocka_unit_test(write_through_is_durable),
        cmocka_unit_test(write_through_without_fua_flushes),
        cmocka_unit_test(reset_waits_for_what_is_in_flight),
        cmocka_unit_test(reset_again_and_again),
        cmocka_unit_test(event_index),
        cmocka_unit_test(large_blocks_are_passed_on),
    };

    return cmocka_run_group_tests(tests, guest_make_folder, guest_remove_folder);
}
