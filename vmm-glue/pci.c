/* SPDX-License-Identifier: BSD-3-Clause */
/* pci.c - one PCI bus behind ports 0xCF8 and 0xCFC
 *
 * Configuration mechanism 1: a dword at 0xCF8 names bus, slot, function and
 * register, and 0xCFC to 0xCFF are that register.  There is one bus, each slot
 * has one function, each function at most one memory BAR of 32 bits, and the
 * guest's kernel places it: BARs start unassigned.
 *
 * Configuration space is two arrays, the bytes and the mask of bits a guest may
 * change, so sizing a BAR (write all ones, read back) needs no code of its own.
 */

#include <assert.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "cleanup.h"
#include "pci.h"
#include "report.h"

#define ADDRESS_ENABLE UINT32_C(0x80000000)
#define CONFIG_HEADER_SIZE 0x40

uint32_t pci_config_get(const struct pci_device *device, unsigned offset, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)device->config[offset + i] << (8 * i);
    return value;
}

void pci_config_set(struct pci_device *device, unsigned offset, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++)
        device->config[offset + i] = (uint8_t)(value >> (8 * i));
}

static struct pci_device *addressed_locked(struct pci_bus *pci)
{
    unsigned bus_number = pci->address >> 16 & 0xff;
    unsigned slot = pci->address >> 11 & 0x1f;
    unsigned function = pci->address >> 8 & 0x7;

    if (!(pci->address & ADDRESS_ENABLE) || bus_number || function || slot >= pci->count)
        return NULL;
    return pci->devices[slot];
}

static void place_bar_locked(struct pci_device *device)
{
    uint64_t base = pci_config_get(device, PCI_BASE_ADDRESS_0, 4) & PCI_BASE_ADDRESS_MEM_MASK;
    uint64_t old_base = device->bar_base;

    if (!device->bar_size)
        return;
    if (!(pci_config_get(device, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) || base < PCI_WINDOW_START ||
        base > PCI_WINDOW_END - device->bar_size)
        base = 0;
    if (base == old_base)
        return;
    device->bar_base = base;
    if (device->ops)
        device->ops->bar_moved(device, old_base, base);
}

static void config_write_locked(struct pci_device *device, unsigned offset, unsigned size,
                                uint32_t value)
{
    for (unsigned i = 0; i < size; i++) {
        uint8_t mask = device->writable[offset + i];
        uint8_t byte = (uint8_t)(value >> (8 * i));
        device->config[offset + i] =
            (uint8_t)((device->config[offset + i] & ~mask) | (byte & mask));
    }
    place_bar_locked(device);
    if (device->ops)
        device->ops->config_written(device, offset, size);
}

static uint64_t address_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_bus *pci = opaque;

    LOCK_SCOPE(&pci->lock);
    return offset == 0 && size == 4 ? pci->address : UINT64_MAX;
}

static void address_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_bus *pci = opaque;

    LOCK_SCOPE(&pci->lock);
    if (offset == 0 && size == 4)
        pci->address = (uint32_t)value & ~UINT32_C(3);
}

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pci_bus *pci = opaque;

    LOCK_SCOPE(&pci->lock);
    struct pci_device *device = addressed_locked(pci);
    unsigned reg = (pci->address & 0xfc) + (unsigned)offset;
    if (!device || size > 4)
        return UINT64_MAX;
    if (device->ops)
        device->ops->config_read(device, reg, size);
    return pci_config_get(device, reg, size);
}

static void data_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_bus *pci = opaque;

    LOCK_SCOPE(&pci->lock);
    struct pci_device *device = addressed_locked(pci);
    if (device && size <= 4)
        config_write_locked(device, (pci->address & 0xfc) + (unsigned)offset, size,
                            (uint32_t)value);
}

/* The device whose BAR covers the access, and the offset inside the BAR. */
static struct pci_device *find_bar(struct pci_bus *pci, uint64_t window_offset, unsigned size,
                                   uint64_t *offset)
{
    uint64_t address = PCI_WINDOW_START + window_offset;

    LOCK_SCOPE(&pci->lock);
    for (unsigned i = 0; i < pci->count; i++) {
        struct pci_device *device = pci->devices[i];
        if (device->bar_base && address >= device->bar_base &&
            address - device->bar_base <= device->bar_size - size) {
            *offset = address - device->bar_base;
            return device;
        }
    }
    return NULL;
}

static uint64_t window_read(void *opaque, uint64_t window_offset, unsigned size)
{
    uint64_t offset;
    struct pci_device *device = find_bar(opaque, window_offset, size, &offset);

    return device ? device->ops->bar_read(device, offset, size) : UINT64_MAX;
}

static void window_write(void *opaque, uint64_t window_offset, unsigned size, uint64_t value)
{
    uint64_t offset;
    struct pci_device *device = find_bar(opaque, window_offset, size, &offset);

    if (device)
        device->ops->bar_write(device, offset, size, value);
}

static const struct bus_ops address_ops = { address_read, address_write };
static const struct bus_ops data_ops = { data_read, data_write };
static const struct bus_ops window_ops = { window_read, window_write };

void pci_init(struct pci_bus *pci, struct bus *ports, struct bus *mmio)
{
    *pci = (struct pci_bus){ 0 };
    pthread_mutex_init(&pci->lock, NULL);
    bus_add(ports, 0xcf8, 4, &address_ops, pci);
    bus_add(ports, 0xcfc, 4, &data_ops, pci);
    bus_add(mmio, PCI_WINDOW_START, PCI_WINDOW_END - PCI_WINDOW_START, &window_ops, pci);
    /* Linux believes in mechanism 1 only when it finds a host bridge; the ids
     * are those of a bridge that no driver and no quirk claims.
     */
    pci_device_init(&pci->host_bridge, 0x8086, 0x0d57, 0, 0x060000);
    pci_add(pci, &pci->host_bridge);
}

void pci_free(struct pci_bus *pci)
{
    pthread_mutex_destroy(&pci->lock);
}

void pci_device_init(struct pci_device *device, uint16_t vendor, uint16_t id, uint8_t revision,
                     uint32_t class_code)
{
    *device = (struct pci_device){ .config_used = CONFIG_HEADER_SIZE };
    pci_config_set(device, PCI_VENDOR_ID, 2, vendor);
    pci_config_set(device, PCI_DEVICE_ID, 2, id);
    pci_config_set(device, PCI_CLASS_REVISION, 4, class_code << 8 | revision);
    device->writable[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    device->writable[PCI_COMMAND + 1] = PCI_COMMAND_INTX_DISABLE >> 8;
    device->writable[PCI_CACHE_LINE_SIZE] = 0xff;
    device->writable[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_device_set_bar(struct pci_device *device, uint64_t size)
{
    uint32_t mask = ~(uint32_t)(size - 1);

    assert(size >= 16 && (size & (size - 1)) == 0);
    device->bar_size = size;
    for (unsigned i = 0; i < 4; i++)
        device->writable[PCI_BASE_ADDRESS_0 + i] = (uint8_t)(mask >> (8 * i));
}

unsigned pci_device_add_capability(struct pci_device *device, uint8_t id, const void *body,
                                   unsigned body_length)
{
    unsigned offset = (device->config_used + 3) & ~3U;
    unsigned link =
        device->last_capability ? device->last_capability + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST;

    assert(offset + 2 + body_length <= PCI_CONFIG_SIZE);
    device->config[offset] = id;
    memcpy(device->config + offset + 2, body, body_length);
    device->config[link] = (uint8_t)offset;
    device->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    device->last_capability = offset;
    device->config_used = offset + 2 + body_length;
    return offset;
}

int pci_add(struct pci_bus *pci, struct pci_device *device)
{
    if (pci->count == PCI_SLOTS) {
        report("more than %d disks do not fit on the PCI bus", PCI_SLOTS - 1);
        return -1;
    }
    pci->devices[pci->count++] = device;
    return 0;
}
