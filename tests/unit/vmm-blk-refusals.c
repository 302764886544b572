/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-blk-refusals.c - neither guest nor server gets the disk to do what it must not */

#include "vmm-guest.h"

#define SECTOR 512
#define LAST (DISK_SIZE / SECTOR)

static void read_only_is_enforced_whatever_the_guest_thinks(void **state)
{
    struct guest guest = { 0 };
    struct virtio_blk_discard_write_zeroes segment = { 0, 8, 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "readonly=on", 1);
    assert_true(offered(&guest) >> VIRTIO_BLK_F_RO & 1);
    reset(&guest);
    drive(&guest, 0); /* a driver that does not know of F_RO */
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, SECTOR), VIRTIO_BLK_S_IOERR);
    memcpy(at(&guest, DATA), &segment, sizeof segment);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, SECTOR), VIRTIO_BLK_S_OK);
    for (unsigned i = 0; i < 8 * SECTOR; i++)
        assert_int_equal(disk_byte(i), pattern(i));
    guest_down(&guest);
}

static void requests_outside_the_disk(void **state)
{
    static const struct {
        uint64_t sector;
        uint32_t length;
    } wrong[] = {
        { LAST, 512 },       { LAST - 1, 1024 },
        { UINT64_MAX, 512 }, { 0, 511 },
        { 0, 513 },          { UINT64_MAX / 512 + 1, 512 },
        { 0, 9 << 20 },      { UINT64_MAX - 7, 8 * 512 },
        { LAST + 1, 512 },
    };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, wrong[i].sector, wrong[i].length),
                         VIRTIO_BLK_S_IOERR);
        assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, wrong[i].sector, wrong[i].length),
                         VIRTIO_BLK_S_IOERR);
    }
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(status_of(&guest) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
    guest_down(&guest);
}

static void unknown_types(void **state)
{
    static const uint32_t types[] = { 2, 3, 5, 10, 12, 14, 0x80000000, UINT32_MAX };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "discard=off,write-zeroes=off", 1);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        assert_int_equal(request(&guest, types[i], 0, 512), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_DISCARD, 0, 16), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16), VIRTIO_BLK_S_UNSUPP);
    guest_down(&guest);
}

static uint8_t segment_request(struct guest *guest, uint32_t type, uint64_t sector, uint32_t count,
                               uint32_t flags)
{
    struct virtio_blk_discard_write_zeroes segment = { sector, count, flags };

    memcpy(at(guest, DATA), &segment, sizeof segment);
    return request(guest, type, 0, sizeof segment);
}

static void wrong_segments(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_DISCARD, 0, 8, 1), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_DISCARD, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2),
                     VIRTIO_BLK_S_UNSUPP);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_DISCARD, 0, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_DISCARD, LAST - 1, 2, 0),
                     VIRTIO_BLK_S_IOERR);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, UINT64_MAX, 1, 0),
                     VIRTIO_BLK_S_IOERR);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, 0, UINT32_MAX, 0),
                     VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_DISCARD, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_DISCARD, 0, 24), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_DISCARD, 0, 17 * 16), VIRTIO_BLK_S_IOERR);
    for (unsigned i = 0; i < 8 * SECTOR; i++)
        assert_int_equal(disk_byte(i), pattern(i));
    guest_down(&guest);
}

/* Neither what guest memory held nor what the bounce buffer did is passed off as the disk's. */
static void incomplete_answers_are_errors(void **state)
{
    static const char *const faults[] = { "half", "none", "twice" };
    const struct vring_desc parts[] = {
        { .addr = HEADER, .len = 16 },
        { .addr = DATA, .len = 1000, .flags = VRING_DESC_F_WRITE },
        { .addr = DATA + 0x1000, .len = 24, .flags = VRING_DESC_F_WRITE },
        { .addr = STATUS, .len = 1, .flags = VRING_DESC_F_WRITE },
    };
    char server[4096];

    (void)state;
    if (system("python3 -c ''") != 0)
        skip();
    snprintf(server, sizeof server, "%s/tests/nbd/faulty-server.py", getenv("abs_top_srcdir"));
    make_disk();
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const char *argv[] = { "python3", server, "socket", "pid", "disk", faults[i], NULL };
        struct guest guest = { 0 };

        start_program(&guest, argv);
        guest_up(&guest, "", 1);
        assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 4096), VIRTIO_BLK_S_IOERR);
        put_header(&guest, VIRTIO_BLK_T_IN, 0);
        offer_chain(&guest, 0, 0, parts, 4);
        assert_int_equal(await(&guest, 0), 1);
        assert_int_equal(*at(&guest, STATUS), VIRTIO_BLK_S_IOERR);
        assert_int_equal(at(&guest, DATA + 0x1000)[0], 0); /* the guest's memory as it was */
        guest_down(&guest);
    }
}

static void short_header_still_gets_a_status(void **state)
{
    const struct vring_desc parts[] = {
        { .addr = HEADER, .len = 15 },
        { .addr = STATUS, .len = 1, .flags = VRING_DESC_F_WRITE },
    };
    const struct vring_desc nothing_to_read = parts[1];
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    put_header(&guest, VIRTIO_BLK_T_IN, 0);
    offer_chain(&guest, 0, 0, parts, 2);
    assert_int_equal(await(&guest, 0), 1);
    assert_int_equal(*at(&guest, STATUS), VIRTIO_BLK_S_IOERR);
    put_header(&guest, VIRTIO_BLK_T_IN, 0);
    offer_chain(&guest, 0, 0, &nothing_to_read, 1);
    assert_int_equal(await(&guest, 0), 1);
    assert_int_equal(*at(&guest, STATUS), VIRTIO_BLK_S_IOERR);
    guest_down(&guest);
}

static void await_needs_reset(struct guest *guest)
{
    for (unsigned i = 0; !(status_of(guest) & VIRTIO_CONFIG_S_NEEDS_RESET); i++) {
        assert_true(i < 10000);
        pause_a_little();
    }
    assert_true(reg_read(guest, ISR, 1) & 2);
}

static void broken_queues_need_a_reset_and_recover(void **state)
{
    static const struct vring_desc broken[] = {
        { .addr = HEADER, .len = 16 },                                /* no place for a status */
        { .addr = RAM_SIZE, .len = 16, .flags = VRING_DESC_F_WRITE }, /* not in RAM */
        { .addr = HEADER, .len = 0 },                                 /* empty */
        { .addr = HEADER, .len = 17, .flags = VRING_DESC_F_INDIRECT },
    };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        offer_chain(&guest, 0, 0, &broken[i], 1);
        await_needs_reset(&guest);
        if (i == 0)
            assert_reported("the guest's driver broke queue 0 of disk nbd+unix:");
        assert_int_equal(used_ring(&guest, 0)->idx, 0);
        reset(&guest);
        drive(&guest, offered(&guest));
        assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
        reset(&guest);
        drive(&guest, offered(&guest));
    }
    assert_string_equal(last_report, ""); /* told once, not at every turn of a loop */
    guest_down(&guest);
}

static void queues_outside_ram_are_not_started(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    reset(&guest);
    negotiate(&guest, UINT64_C(1) << VIRTIO_F_VERSION_1);
    set_up_queue(&guest, 0);
    reset(&guest);
    negotiate(&guest, UINT64_C(1) << VIRTIO_F_VERSION_1);
    reg_write(&guest, VIRTIO_PCI_COMMON_Q_DESCHI, 4, 0xffffffff);
    reg_write(&guest, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    set_status(&guest, status_of(&guest) | VIRTIO_CONFIG_S_DRIVER_OK);
    await_needs_reset(&guest);
    reg_write(&guest, NOTIFY, 2, 0);
    reset(&guest);
    drive(&guest, 0);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
    guest_down(&guest);
}

static void queue_registers_are_frozen(void **state)
{
    static const struct {
        unsigned offset, size;
        uint64_t value;
    } writes[] = {
        { VIRTIO_PCI_COMMON_Q_SIZE, 2, 1024 }, { VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x1000000 },
        { VIRTIO_PCI_COMMON_Q_AVAILHI, 4, 1 }, { VIRTIO_PCI_COMMON_Q_USEDLO, 4, 0x1000000 },
        { VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0 },  { VIRTIO_PCI_COMMON_Q_MSIX, 2, 1 },
        { VIRTIO_PCI_COMMON_NUMQ, 2, 9 },      { VIRTIO_PCI_COMMON_Q_NOFF, 2, 9 },
    };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        uint64_t before = reg_read(&guest, writes[i].offset, writes[i].size);
        reg_write(&guest, writes[i].offset, writes[i].size, writes[i].value);
        assert_int_equal(reg_read(&guest, writes[i].offset, writes[i].size), before);
    }
    reg_write(&guest, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
    reg_write(&guest, VIRTIO_PCI_COMMON_GF, 4, 0xffffffff);
    assert_int_not_equal(reg_read(&guest, VIRTIO_PCI_COMMON_GF, 4), 0xffffffff);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
    guest_down(&guest);
}

static void features_must_be_offered(void **state)
{
    const uint64_t version_1 = UINT64_C(1) << VIRTIO_F_VERSION_1;
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t features = version_1 | UINT64_C(1) << bit;
        reset(&guest);
        negotiate(&guest, features);
        assert_int_equal(!(status_of(&guest) & VIRTIO_CONFIG_S_FEATURES_OK),
                         (features & ~offered(&guest)) != 0);
    }
    reset(&guest);
    negotiate(&guest, 0); /* a legacy driver */
    assert_int_equal(status_of(&guest) & VIRTIO_CONFIG_S_FEATURES_OK, 0);
    set_status(&guest, 7); /* DRIVER_OK all the same */
    assert_int_equal(status_of(&guest) & VIRTIO_CONFIG_S_DRIVER_OK, 0);
    guest_down(&guest);
}

/* Every register of the BAR, every width, any value: nothing but an error may come of it. */
static void random_register_accesses(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 2);
    srandom(3);
    for (unsigned i = 0; i < 200000; i++) {
        unsigned size = 1U << random() % 4;
        uint64_t offset = ((uint64_t)random() % 6 << 12 | (uint64_t)random() % 72) & ~(size - 1UL);
        uint64_t value = random() % 3 ? (uint64_t)random() % 32 : (uint64_t)random() << 16;
        reg_write(&guest, offset, size, value);
        reg_read(&guest, offset, size);
    }
    reset(&guest);
    drive(&guest, 0);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
    guest_down(&guest);
}

static void window_stays_inside_the_bar(void **state)
{
    static const uint32_t offsets[] = { 0x7ffd, 0x8000, 0xfffffffc, 0xffffffff, 0x1001 };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    guest_up(&guest, "", 1);
    struct pci_device *pci = &guest.transport.pci;
    unsigned window = guest.transport.window_capability;
    pci_config_set(pci, window + 12, 4, 4); /* length */
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        pci_config_set(pci, window + 8, 4, offsets[i]);
        pci->ops->config_written(pci, window + 16, 4);
        pci->ops->config_read(pci, window + 16, 4);
    }
    pci_config_set(pci, window + 8, 4, DEVICE); /* capacity, through the window */
    pci->ops->config_read(pci, window + 16, 4);
    assert_int_equal(pci_config_get(pci, window + 16, 4), LAST);
    guest_down(&guest);
}

static void errors_of_the_server_are_passed_on(void **state)
{
    static const char *const server[] = {
        "--filter=error", "file", "disk", "error=ENOSPC", "error-rate=1", "error-file=log", NULL
    };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    unlink("log");
    start_server(&guest, server);
    guest_up(&guest, "", 1);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
    close(open("log", O_CREAT | O_WRONLY, 0600)); /* from now on everything fails */
    memset(at(&guest, DATA), 0x44, 512);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(segment_request(&guest, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0),
                     VIRTIO_BLK_S_IOERR);
    unlink("log");
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_OK);
    guest_down(&guest);
}

static void lost_server_fails_everything(void **state)
{
    static const char *const server[] = { "file", "disk", NULL };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    start_server(&guest, server);
    guest_up(&guest, "", 2);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_OK);
    stop_server(&guest);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_OUT, 0, 512), VIRTIO_BLK_S_IOERR);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_FLUSH, 0, 0), VIRTIO_BLK_S_IOERR);
    reset(&guest);
    drive(&guest, 0);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 0, 512), VIRTIO_BLK_S_IOERR);
    guest_down(&guest);
    assert_reported("is lost, its requests fail from now on");
}

static void server_lost_with_requests_in_flight(void **state)
{
    static const char *const server[] = { "--filter=delay", "file", "disk", "rdelay=60", NULL };
    const struct vring_desc parts[] = {
        { .addr = HEADER, .len = 16 },
        { .addr = DATA, .len = 4096, .flags = VRING_DESC_F_WRITE },
        { .addr = STATUS, .len = 1, .flags = VRING_DESC_F_WRITE },
    };
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    start_server(&guest, server);
    guest_up(&guest, "", 1);
    put_header(&guest, VIRTIO_BLK_T_IN, 0);
    for (unsigned i = 0; i < 5; i++)
        offer_chain(&guest, 0, (uint16_t)(3 * i), parts, 3);
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    assert_false(is_done(&guest, 0));
    stop_server(&guest);
    for (unsigned i = 0; i < 5; i++)
        await(&guest, 0);
    assert_int_equal(*at(&guest, STATUS), VIRTIO_BLK_S_IOERR);
    guest_down(&guest);
}

static void server_that_is_not_there(void **state)
{
    struct disk_options options;
    struct nbd_disk disk;

    (void)state;
    assert_int_equal(disk_options_parse(&options, PLACE_DISK, "nbd+unix:///?socket=nobody"), 0);
    assert_int_equal(nbd_disk_open(&disk, &options, 1), -1);
    assert_reported("cannot open disk nbd+unix:///?socket=nobody");
    disk_options_free(&options);
}

static void assert_server_refused(const char *const *server, const char *keys, const char *why)
{
    struct guest guest = { 0 };
    struct disk_options options;
    struct nbd_disk disk;
    char words[128];

    start_server(&guest, server);
    snprintf(words, sizeof words, "nbd+unix:///?socket=socket%s", keys);
    assert_int_equal(disk_options_parse(&options, PLACE_DISK, words), 0);
    assert_int_equal(nbd_disk_open(&disk, &options, 4), -1);
    assert_reported(why);
    disk_options_free(&options);
    stop_server(&guest);
}

/* What it says of itself is more than a guest's kernel can take. */
static void servers_that_no_guest_can_use(void **state)
{
    static const char *const large_blocks[] = {
        "--filter=blocksize-policy", "memory", "8M", "blocksize-minimum=8192",
        "blocksize-preferred=8192",  NULL
    };
    static const char *const blocks[] = { "--filter=blocksize-policy", "memory", "8M",
                                          "blocksize-minimum=4096", NULL };
    static const char *const small[] = { "memory", "511", NULL };
    static const char *const empty[] = { "memory", "0", NULL };

    (void)state;
    assert_server_refused(large_blocks, "", "wants requests in blocks of 8192 bytes");
    assert_server_refused(blocks, ",logical_block_size=512", "logical_block_size=512 is less");
    assert_server_refused(small, "", "has 511 bytes, less than a block of 512");
    assert_server_refused(empty, "", "has 0 bytes");
}

static void tail_smaller_than_a_block_is_not_shown(void **state)
{
    struct guest guest = { 0 };

    (void)state;
    make_disk();
    assert_int_equal(truncate("disk", 1234), 0);
    guest_up(&guest, "", 1);
    assert_reported("does not see the last 210 bytes");
    assert_int_equal(reg_read(&guest, DEVICE, 8), 2);
    assert_int_equal(request(&guest, VIRTIO_BLK_T_IN, 2, 512), VIRTIO_BLK_S_IOERR);
    guest_down(&guest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_only_is_enforced_whatever_the_guest_thinks),
        cmocka_unit_test(requests_outside_the_disk),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(wrong_segments),
        cmocka_unit_test(incomplete_answers_are_errors),
        cmocka_unit_test(short_header_still_gets_a_status),
        cmocka_unit_test(broken_queues_need_a_reset_and_recover),
        cmocka_unit_test(queues_outside_ram_are_not_started),
        cmocka_unit_test(queue_registers_are_frozen),
        cmocka_unit_test(features_must_be_offered),
        cmocka_unit_test(random_register_accesses),
        cmocka_unit_test(window_stays_inside_the_bar),
        cmocka_unit_test(errors_of_the_server_are_passed_on),
        cmocka_unit_test(lost_server_fails_everything),
        cmocka_unit_test(server_lost_with_requests_in_flight),
        cmocka_unit_test(server_that_is_not_there),
        cmocka_unit_test(servers_that_no_guest_can_use),
        cmocka_unit_test(tail_smaller_than_a_block_is_not_shown),
    };

    return cmocka_run_group_tests(tests, guest_make_folder, guest_remove_folder);
}
