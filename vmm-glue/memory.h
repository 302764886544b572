/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - the guest's RAM */

#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdint.h>

/* Physical addresses from here to 4 GiB are never RAM: PCI BARs, the I/O APIC
 * and the local APICs live there.
 */
#define MEMORY_HOLE_START UINT64_C(0xC0000000)
#define MEMORY_HOLE_END UINT64_C(0x100000000)

/* Immutable once memory_init has returned, so no lock guards it. */
struct memory {
    uint8_t *base; /* host mapping; RAM below the hole, then RAM above it */
    uint64_t size; /* bytes in all */
    uint64_t low;  /* bytes at guest address 0 */
    uint64_t high; /* bytes at MEMORY_HOLE_END */
};

int memory_init(struct memory *memory, uint64_t size);
void memory_free(struct memory *memory);

/* Tells KVM about the RAM. */
int memory_attach(const struct memory *memory, int vm_fd);

/* The host address of a guest range, or NULL unless all of it is RAM. */
void *memory_range(const struct memory *memory, uint64_t guest_address, uint64_t length);

#endif
