/* SPDX-License-Identifier: BSD-3-Clause */
/* bus.h - an address finds its device */

#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <stdint.h>

/* What a device does with an access; size is 1, 2, 4 or 8 and the access lies
 * within the device's range.  Any vCPU thread may call, several at once: the
 * device does its own locking.
 */
struct bus_ops {
    uint64_t (*read)(void *device, uint64_t offset, unsigned size);
    void (*write)(void *device, uint64_t offset, unsigned size, uint64_t value);
};

struct bus_range {
    uint64_t base;
    uint64_t length;
    const struct bus_ops *ops;
    void *device;
};

/* Filled while the machine is built, immutable while it runs. */
struct bus {
    struct bus_range ranges[16];
    unsigned count;
};

void bus_add(struct bus *bus, uint64_t base, uint64_t length, const struct bus_ops *ops,
             void *device);

/* Reads of addresses nobody claims return all ones, writes are dropped. */
uint64_t bus_read(const struct bus *bus, uint64_t address, unsigned size);
void bus_write(const struct bus *bus, uint64_t address, unsigned size, uint64_t value);

#endif
