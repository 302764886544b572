/* SPDX-License-Identifier: BSD-3-Clause */
/* bus.c - an address finds its device */

#include <assert.h>
#include <stddef.h>

#include "bus.h"

void bus_add(struct bus *bus, uint64_t base, uint64_t length, const struct bus_ops *ops,
             void *device)
{
    assert(bus->count < sizeof bus->ranges / sizeof bus->ranges[0]);
    bus->ranges[bus->count++] =
        (struct bus_range){ .base = base, .length = length, .ops = ops, .device = device };
}

static const struct bus_range *find(const struct bus *bus, uint64_t address, unsigned size)
{
    for (unsigned i = 0; i < bus->count; i++) {
        const struct bus_range *range = &bus->ranges[i];
        if (address >= range->base && address - range->base < range->length &&
            size <= range->length - (address - range->base))
            return range;
    }
    return NULL;
}

uint64_t bus_read(const struct bus *bus, uint64_t address, unsigned size)
{
    const struct bus_range *range = find(bus, address, size);

    if (!range)
        return UINT64_MAX;
    return range->ops->read(range->device, address - range->base, size);
}

void bus_write(const struct bus *bus, uint64_t address, unsigned size, uint64_t value)
{
    const struct bus_range *range = find(bus, address, size);

    if (range)
        range->ops->write(range->device, address - range->base, size, value);
}
