/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-guest.h - a driver for the virtio disk, on a machine without processors
 *
 * RAM, transport, device, NBD connections and their threads are the real ones; the
 * test plays the guest through the registers and rings.  Only interrupts end here.
 */

#ifndef VMM_GUEST_H
#define VMM_GUEST_H

#include "vmm-scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../vmm-glue/disk-options.h"
#include "../../vmm-glue/nbd-disk.h"
#include "../../vmm-glue/virtio-blk.h"
#include "../../vmm-glue/virtio-pci.h"

void irq_set_line(struct irq *irq, unsigned gsi, bool level)
{
    (void)irq, (void)gsi, (void)level;
}

int irq_add_message(struct irq *irq, int event_fd)
{
    (void)irq, (void)event_fd;
    return 24;
}

void irq_route_message(struct irq *irq, unsigned gsi, uint64_t address, uint32_t data)
{
    (void)irq, (void)gsi, (void)address, (void)data;
}

#define RAM_SIZE (32 << 20)
#define DISK_SIZE (8 << 20)
#define RING_SIZE 16
#define RINGS 0x10000 /* guest address; 0x1000 for each table of each queue */
#define HEADER 0x80000
#define STATUS 0x81000
#define DATA 0x100000
#define UNTOUCHED 0xee

enum { COMMON = 0, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000 };

struct guest {
    struct memory memory;
    struct irq irq;
    struct disk_options options;
    struct nbd_disk disk;
    struct virtio_blk blk;
    struct virtio_pci transport;
    pid_t server;
    uint16_t seen[VIRTIO_MAX_QUEUES];
};

static char guest_folder[] = "/tmp/vmm-blk-XXXXXX";

static int guest_make_folder(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return mkdtemp(guest_folder) && chdir(guest_folder) == 0 ? 0 : -1;
}

static int guest_remove_folder(void **state)
{
    (void)state;
    unlink("disk");
    unlink("log");
    unlink("pid");
    unlink("socket");
    return chdir("/") == 0 && rmdir(guest_folder) == 0 ? 0 : -1;
}

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Byte i of the disk is as this says, until something is written. */
static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i / 512 * 31 + i % 251);
}

static inline void make_disk(void)
{
    static uint8_t bytes[DISK_SIZE];
    int fd = open("disk", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    for (unsigned i = 0; i < DISK_SIZE; i++)
        bytes[i] = pattern(i);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
}

static inline uint8_t disk_byte(uint64_t i)
{
    uint8_t byte;
    int fd = open("disk", O_RDONLY);

    assert_int_equal(pread(fd, &byte, 1, (off_t)i), 1);
    close(fd);
    return byte;
}

/* Runs a program that serves ./socket and makes ./pid when it does, until guest_down. */
static inline void start_program(struct guest *guest, const char *const *argv)
{
    unlink("pid");
    unlink("socket");
    guest->server = fork();
    assert_true(guest->server >= 0);
    if (guest->server == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    for (unsigned i = 0; access("pid", F_OK) < 0; i++) {
        assert_true(i < 10000);
        pause_a_little();
    }
}

/* nbdkit with these words. */
static inline void start_server(struct guest *guest, const char *const *words)
{
    const char *argv[32] = { "nbdkit", "-f", "--exit-with-parent", "-U", "socket", "-P", "pid" };
    unsigned count = 7;

    while (*words)
        argv[count++] = *words++;
    start_program(guest, argv);
}

static inline void stop_server(struct guest *guest)
{
    kill(guest->server, SIGKILL);
    waitpid(guest->server, NULL, 0);
    guest->server = 0;
}

static uint64_t reg_read(struct guest *guest, uint64_t offset, unsigned size)
{
    return guest->transport.pci.ops->bar_read(&guest->transport.pci, offset, size);
}

static void reg_write(struct guest *guest, uint64_t offset, unsigned size, uint64_t value)
{
    guest->transport.pci.ops->bar_write(&guest->transport.pci, offset, size, value);
}

static inline uint8_t status_of(struct guest *guest)
{
    return (uint8_t)reg_read(guest, VIRTIO_PCI_COMMON_STATUS, 1);
}

static inline void set_status(struct guest *guest, uint8_t status)
{
    reg_write(guest, VIRTIO_PCI_COMMON_STATUS, 1, status);
}

static inline void reset(struct guest *guest)
{
    set_status(guest, 0);
    for (unsigned i = 0; status_of(guest); i++) {
        assert_true(i < 10000);
        pause_a_little();
    }
}

static inline uint64_t offered(struct guest *guest)
{
    uint64_t low, high;

    reg_write(guest, VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
    low = reg_read(guest, VIRTIO_PCI_COMMON_DF, 4);
    reg_write(guest, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
    high = reg_read(guest, VIRTIO_PCI_COMMON_DF, 4);
    return low | high << 32;
}

/* Up to FEATURES_OK, or without it where the device does not agree. */
static inline void negotiate(struct guest *guest, uint64_t features)
{
    set_status(guest, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
    for (unsigned half = 0; half < 2; half++) {
        reg_write(guest, VIRTIO_PCI_COMMON_GFSELECT, 4, half);
        reg_write(guest, VIRTIO_PCI_COMMON_GF, 4, features >> (32 * half) & UINT32_MAX);
    }
    set_status(guest,
               VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
}

static inline uint64_t table_address(unsigned queue, unsigned table)
{
    return RINGS + (queue * 3 + table) * 0x1000;
}

static inline void set_up_queue(struct guest *guest, unsigned queue)
{
    static const unsigned registers[] = { VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
                                          VIRTIO_PCI_COMMON_Q_USEDLO };

    reg_write(guest, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
    reg_write(guest, VIRTIO_PCI_COMMON_Q_SIZE, 2, RING_SIZE);
    for (unsigned i = 0; i < 3; i++) {
        memset(guest->memory.base + table_address(queue, i), 0, 0x1000);
        reg_write(guest, registers[i], 4, table_address(queue, i));
    }
    reg_write(guest, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    guest->seen[queue] = 0;
}

static inline void drive(struct guest *guest, uint64_t features)
{
    negotiate(guest, features | UINT64_C(1) << VIRTIO_F_VERSION_1);
    assert_true(status_of(guest) & VIRTIO_CONFIG_S_FEATURES_OK);
    for (unsigned i = 0; i < guest->blk.device.queue_count; i++)
        set_up_queue(guest, i);
    set_status(guest, status_of(guest) | VIRTIO_CONFIG_S_DRIVER_OK);
}

/* The machine with its disk, served by what start_server has started or else from
 * the file by nbdkit's file plugin; keys are those of --disk.  The driver takes all
 * features that the device offers but the event index.
 */
static inline struct guest *guest_up(struct guest *guest, const char *keys, unsigned queues)
{
    static const char *const file[] = { "file", "disk", NULL };
    char disk[256];

    if (!guest->server)
        start_server(guest, file);
    snprintf(disk, sizeof disk, "nbd+unix:///?socket=socket%s%s", *keys ? "," : "", keys);
    last_report[0] = '\0';
    assert_int_equal(disk_options_parse(&guest->options, PLACE_DISK, disk), 0);
    assert_int_equal(memory_init(&guest->memory, RAM_SIZE), 0);
    assert_int_equal(nbd_disk_open(&guest->disk, &guest->options, queues), 0);
    assert_int_equal(nbd_disk_start(&guest->disk), 0);
    assert_int_equal(virtio_blk_init(&guest->blk, &guest->disk, &guest->memory, queues), 0);
    assert_int_equal(virtio_pci_init(&guest->transport, &guest->blk.device, &guest->irq, -1), 0);
    reset(guest);
    drive(guest, offered(guest) & ~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX));
    return guest;
}

static inline void guest_down(struct guest *guest)
{
    assert_int_equal(virtio_pci_shutdown(&guest->transport, 10), 0);
    nbd_disk_close(&guest->disk);
    virtio_pci_free(&guest->transport);
    virtio_blk_free(&guest->blk);
    memory_free(&guest->memory);
    disk_options_free(&guest->options);
    if (guest->server)
        stop_server(guest);
}

static inline struct vring_used *used_ring(struct guest *guest, unsigned queue)
{
    return memory_range(&guest->memory, table_address(queue, 2), 0x1000);
}

/* Puts descriptors i, i + 1, ... of a queue to use and makes them available. */
static inline void offer_chain(struct guest *guest, unsigned queue, uint16_t first,
                               const struct vring_desc *parts, unsigned count)
{
    struct vring_desc *table = memory_range(&guest->memory, table_address(queue, 0), 0x1000);
    struct vring_avail *available = memory_range(&guest->memory, table_address(queue, 1), 0x1000);

    for (unsigned i = 0; i < count; i++) {
        table[first + i] = parts[i];
        table[first + i].next = (uint16_t)(first + i + 1);
        if (i + 1 < count)
            table[first + i].flags |= VRING_DESC_F_NEXT;
    }
    available->ring[available->idx % RING_SIZE] = first;
    __atomic_store_n(&available->idx, (uint16_t)(available->idx + 1), __ATOMIC_RELEASE);
    reg_write(guest, NOTIFY + 4 * queue, 2, queue);
}

static inline bool is_done(struct guest *guest, unsigned queue)
{
    return __atomic_load_n(&used_ring(guest, queue)->idx, __ATOMIC_ACQUIRE) != guest->seen[queue];
}

/* Waits for the next used element; the length the device has written. */
static inline uint32_t await(struct guest *guest, unsigned queue)
{
    for (unsigned i = 0; !is_done(guest, queue); i++) {
        assert_true(i < 10000);
        pause_a_little();
    }
    return used_ring(guest, queue)->ring[guest->seen[queue]++ % RING_SIZE].len;
}

static inline uint8_t *at(struct guest *guest, uint64_t address)
{
    return guest->memory.base + address;
}

static inline void put_header(struct guest *guest, uint32_t type, uint64_t sector)
{
    struct virtio_blk_outhdr header = { .type = type, .sector = sector };

    memcpy(at(guest, HEADER), &header, sizeof header);
    *at(guest, STATUS) = UNTOUCHED;
}

/* One request with its data in one part; the status byte. */
static inline uint8_t request(struct guest *guest, uint32_t type, uint64_t sector, uint32_t length)
{
    bool from_device = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
    struct vring_desc parts[3] = {
        { .addr = HEADER, .len = 16 },
        { .addr = DATA, .len = length, .flags = from_device ? VRING_DESC_F_WRITE : 0 },
        { .addr = STATUS, .len = 1, .flags = VRING_DESC_F_WRITE },
    };

    put_header(guest, type, sector);
    if (!length)
        parts[1] = parts[2];
    offer_chain(guest, 0, 0, parts, length ? 3 : 2);
    await(guest, 0);
    return *at(guest, STATUS);
}

#endif
