/* SPDX-License-Identifier: BSD-3-Clause */
/* pci.h - one PCI bus behind ports 0xCF8 and 0xCFC */

#ifndef VMM_PCI_H
#define VMM_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"

#define PCI_SLOTS 32
#define PCI_CONFIG_SIZE 256

/* Where BARs may be mapped; the DSDT names the same window. */
#define PCI_WINDOW_START UINT64_C(0xC0000000)
#define PCI_WINDOW_END UINT64_C(0xFEC00000)

struct pci_device;

/* All are called by vCPU threads.  The config_ and bar_moved calls hold the
 * bus's lock, bar_read and bar_write do not.
 */
struct pci_device_ops {
    uint64_t (*bar_read)(struct pci_device *device, uint64_t offset, unsigned size);
    void (*bar_write)(struct pci_device *device, uint64_t offset, unsigned size, uint64_t value);
    /* The BAR answers at new_base from now on; 0 means nowhere. */
    void (*bar_moved)(struct pci_device *device, uint64_t old_base, uint64_t new_base);
    /* Configuration space is about to be read, or has been written, at this offset. */
    void (*config_read)(struct pci_device *device, unsigned offset, unsigned size);
    void (*config_written)(struct pci_device *device, unsigned offset, unsigned size);
};

/* The owner fills this before pci_add; the bus's lock guards it afterwards. */
struct pci_device {
    const struct pci_device_ops *ops; /* NULL: configuration space only */
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE]; /* the bits a guest may change */
    unsigned config_used;              /* bytes taken by header and capabilities */
    unsigned last_capability;          /* offset of the last one's head, 0 if none */
    uint64_t bar_size;                 /* of BAR 0, a power of two; 0: no BAR */
    uint64_t bar_base;                 /* where it answers now, 0: nowhere */
};

struct pci_bus {
    pthread_mutex_t lock; /* taken before any lock of a device */
    uint32_t address;     /* lock; the last dword written to 0xCF8 */
    unsigned count;       /* devices, immutable while the machine runs */
    struct pci_device *devices[PCI_SLOTS];
    struct pci_device host_bridge; /* slot 0 */
};

/* Makes the bus with its host bridge; ports and window are added to the given buses. */
void pci_init(struct pci_bus *pci, struct bus *ports, struct bus *mmio);
void pci_free(struct pci_bus *pci);

/* A blank device: ids, class code and nothing else. */
void pci_device_init(struct pci_device *device, uint16_t vendor, uint16_t id, uint8_t revision,
                     uint32_t class_code);
void pci_device_set_bar(struct pci_device *device, uint64_t size);

/* Appends a capability whose first two bytes (id, next) this fills in and whose
 * other bytes come from body; returns its offset in configuration space.
 */
unsigned pci_device_add_capability(struct pci_device *device, uint8_t id, const void *body,
                                   unsigned body_length);

/* Plugs the device into the next slot; -1 when the bus is full. */
int pci_add(struct pci_bus *pci, struct pci_device *device);

/* Little-endian numbers in configuration space; callers hold the bus's lock. */
uint32_t pci_config_get(const struct pci_device *device, unsigned offset, unsigned size);
void pci_config_set(struct pci_device *device, unsigned offset, unsigned size, uint32_t value);

#endif
