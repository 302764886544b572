/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-pci.c - configuration space answers as a guest's kernel probes it */

#include "vmm-scratch.h"

#include "../../vmm-glue/pci.h"

#define ADDRESS 0xcf8
#define DATA 0xcfc
#define BAR_SIZE 0x4000

struct machine {
    struct bus ports, mmio;
    struct pci_bus pci;
    struct pci_device device;
    uint64_t moved_from, moved_to;
    unsigned moves;
    uint64_t written;
};

static struct machine *machine;

static uint64_t bar_read(struct pci_device *device, uint64_t offset, unsigned size)
{
    (void)device;
    return offset << 8 | size;
}

static void bar_write(struct pci_device *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)device, (void)offset, (void)size;
    machine->written = value;
}

static void bar_moved(struct pci_device *device, uint64_t from, uint64_t to)
{
    (void)device;
    machine->moved_from = from;
    machine->moved_to = to;
    machine->moves++;
}

static void config_touched(struct pci_device *device, unsigned offset, unsigned size)
{
    (void)device;
    assert_true(offset + size <= PCI_CONFIG_SIZE);
}

static const struct pci_device_ops ops = { bar_read, bar_write, bar_moved, config_touched,
                                           config_touched };

static int set_up(void **state)
{
    (void)state;
    machine = calloc(1, sizeof *machine);
    pci_init(&machine->pci, &machine->ports, &machine->mmio);
    pci_device_init(&machine->device, 0x1af4, 0x1042, 1, 0x018000);
    pci_device_set_bar(&machine->device, BAR_SIZE);
    machine->device.ops = &ops;
    return pci_add(&machine->pci, &machine->device);
}

static int tear_down(void **state)
{
    (void)state;
    pci_free(&machine->pci);
    free(machine);
    return 0;
}

static void select_register(unsigned bus, unsigned slot, unsigned function, unsigned offset)
{
    bus_write(&machine->ports, ADDRESS, 4,
              0x80000000 | bus << 16 | slot << 11 | function << 8 | offset);
}

static uint32_t config_read(unsigned slot, unsigned offset, unsigned size)
{
    select_register(0, slot, 0, offset & 0xfc);
    return (uint32_t)bus_read(&machine->ports, DATA + offset % 4, size);
}

static void config_write(unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
    select_register(0, slot, 0, offset & 0xfc);
    bus_write(&machine->ports, DATA + offset % 4, size, value);
}

static void mechanism_1_is_found(void **state)
{
    (void)state;
    bus_write(&machine->ports, 0xcfb, 1, 1);
    bus_write(&machine->ports, ADDRESS, 4, 0x80000000);
    assert_int_equal(bus_read(&machine->ports, ADDRESS, 4), 0x80000000);
    assert_int_equal(config_read(0, 0x0a, 2), 0x0600);
}

static void absent_functions_read_all_ones(void **state)
{
    (void)state;
    assert_int_equal(config_read(2, 0, 4), 0xffffffff);
    assert_int_equal(config_read(31, 0, 4), 0xffffffff);
    select_register(0, 1, 3, 0);
    assert_int_equal((uint32_t)bus_read(&machine->ports, DATA, 4), 0xffffffff);
    select_register(1, 1, 0, 0);
    assert_int_equal((uint32_t)bus_read(&machine->ports, DATA, 4), 0xffffffff);
    bus_write(&machine->ports, ADDRESS, 4, 1 << 11); /* not enabled */
    assert_int_equal((uint32_t)bus_read(&machine->ports, DATA, 4), 0xffffffff);
}

static void identity_is_read_in_any_width_and_cannot_be_written(void **state)
{
    (void)state;
    assert_int_equal(config_read(1, 0, 4), 0x10421af4);
    assert_int_equal(config_read(1, 2, 2), 0x1042);
    assert_int_equal(config_read(1, 3, 1), 0x10);
    config_write(1, 0, 4, 0);
    assert_int_equal(config_read(1, 0, 4), 0x10421af4);
    assert_int_equal(config_read(1, 8, 4), 0x01800001);
    assert_int_equal(config_read(1, 0xfc, 4), 0);
}

static void accesses_across_the_data_port_are_nobodys(void **state)
{
    (void)state;
    select_register(0, 1, 0, 0xfc);
    assert_int_equal((uint16_t)bus_read(&machine->ports, DATA + 3, 2), 0xffff);
    bus_write(&machine->ports, DATA + 2, 4, 0);
}

static void bar_is_sized_and_placed(void **state)
{
    (void)state;
    config_write(1, 0x10, 4, 0xffffffff);
    assert_int_equal(config_read(1, 0x10, 4), (uint32_t)-BAR_SIZE);
    config_write(1, 0x10, 4, 0xc0010123);
    assert_int_equal(config_read(1, 0x10, 4), 0xc0010000);
    assert_int_equal(machine->moves, 0); /* memory is not enabled yet */
    assert_int_equal((uint32_t)bus_read(&machine->mmio, 0xc0010010, 4), 0xffffffff);

    config_write(1, 4, 2, 2);
    assert_int_equal(machine->moves, 1);
    assert_int_equal(machine->moved_to, 0xc0010000);
    assert_int_equal(bus_read(&machine->mmio, 0xc0010010, 4), 0x1004);
    bus_write(&machine->mmio, 0xc0013fff, 1, 0x5a);
    assert_int_equal(machine->written, 0x5a);
    assert_int_equal((uint32_t)bus_read(&machine->mmio, 0xc0013fff, 2), 0xffffffff);

    config_write(1, 0x10, 4, 0xd0000000);
    assert_int_equal(machine->moved_from, 0xc0010000);
    assert_int_equal(machine->moved_to, 0xd0000000);
    config_write(1, 4, 2, 0);
    assert_int_equal(machine->moved_to, 0);
}

static void bar_outside_the_window_answers_nowhere(void **state)
{
    static const uint32_t bases[] = { 0, 0x1000000, 0xbffff000, 0xfec00000, 0xffffc000 };

    (void)state;
    config_write(1, 4, 2, 2);
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        config_write(1, 0x10, 4, bases[i]);
        assert_int_equal(machine->device.bar_base, 0);
    }
    config_write(1, 0x10, 4, 0xfebfc000); /* the last place inside */
    assert_int_equal(machine->device.bar_base, 0xfebfc000);
}

static void capabilities_are_linked(void **state)
{
    struct pci_device device;

    (void)state;
    pci_device_init(&device, 1, 2, 3, 4);
    assert_int_equal(device.config[0x06] & 0x10, 0);
    unsigned first = pci_device_add_capability(&device, 9, "\x05zzz", 3);
    unsigned second = pci_device_add_capability(&device, 0x11, "\0\0", 2);
    assert_int_equal(device.config[0x06] & 0x10, 0x10);
    assert_int_equal(device.config[0x34], first);
    assert_int_equal(first, 0x40);
    assert_int_equal(device.config[first], 9);
    assert_int_equal(device.config[first + 1], second);
    assert_int_equal(second % 4, 0);
    assert_int_equal(device.config[second + 1], 0);
}

static void bus_fills_up(void **state)
{
    static struct pci_device more[PCI_SLOTS];

    (void)state;
    for (unsigned i = 2; i < PCI_SLOTS; i++)
        assert_int_equal(pci_add(&machine->pci, &more[i]), 0);
    assert_int_equal(pci_add(&machine->pci, &more[0]), -1);
    assert_reported("31 disks");
}

#define PCI_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PCI_TEST(mechanism_1_is_found),
        PCI_TEST(absent_functions_read_all_ones),
        PCI_TEST(identity_is_read_in_any_width_and_cannot_be_written),
        PCI_TEST(accesses_across_the_data_port_are_nobodys),
        PCI_TEST(bar_is_sized_and_placed),
        PCI_TEST(bar_outside_the_window_answers_nowhere),
        PCI_TEST(capabilities_are_linked),
        PCI_TEST(bus_fills_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
