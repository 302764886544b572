/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c - the guest's RAM
 *
 *     guest physical                     host mapping
 *     0            low                   base
 *     |--- RAM ----|                     |--- RAM below ---|--- RAM above ---|
 *     0xC0000000   4 GiB    4 GiB+high   base              base+low
 *     |--- hole ---|--- RAM ---|
 *
 * Every address a guest names goes through memory_range.
 */

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "memory.h"
#include "report.h"

int memory_init(struct memory *memory, uint64_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        report("cannot reserve %" PRIu64 " bytes of guest memory: %s", size, strerror(errno));
        return -1;
    }
    *memory = (struct memory){
        .base = base,
        .size = size,
        .low = size < MEMORY_HOLE_START ? size : MEMORY_HOLE_START,
    };
    memory->high = size - memory->low;
    return 0;
}

void memory_free(struct memory *memory)
{
    if (memory->base)
        munmap(memory->base, memory->size);
    *memory = (struct memory){ 0 };
}

static int attach_slot(int vm_fd, uint32_t slot, uint64_t guest_address, uint64_t length,
                       uint8_t *host)
{
    struct kvm_userspace_memory_region region = {
        .slot = slot,
        .guest_phys_addr = guest_address,
        .memory_size = length,
        .userspace_addr = (uintptr_t)host,
    };
    if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) < 0) {
        report("KVM refuses %" PRIu64 " bytes of memory at guest address 0x%" PRIx64 ": %s", length,
               guest_address, strerror(errno));
        return -1;
    }
    return 0;
}

int memory_attach(const struct memory *memory, int vm_fd)
{
    if (attach_slot(vm_fd, 0, 0, memory->low, memory->base) < 0)
        return -1;
    if (!memory->high)
        return 0;
    return attach_slot(vm_fd, 1, MEMORY_HOLE_END, memory->high, memory->base + memory->low);
}

void *memory_range(const struct memory *memory, uint64_t guest_address, uint64_t length)
{
    if (guest_address < memory->low && length <= memory->low - guest_address)
        return memory->base + guest_address;
    if (guest_address < MEMORY_HOLE_END)
        return NULL;
    uint64_t above = guest_address - MEMORY_HOLE_END;
    if (above < memory->high && length <= memory->high - above)
        return memory->base + memory->low + above;
    return NULL;
}
