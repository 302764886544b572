/* SPDX-License-Identifier: BSD-3-Clause */
/* cpuid.c - what a vCPU says of itself
 *
 * KVM's list describes the processor it happens to run on.  Made into one of ours:
 * the APIC id, the topology (one socket, a core per vCPU, no threads), and the
 * hypervisor bit, without which Linux does not look for kvmclock.
 */

#include <linux/kvm.h>
#include <stdint.h>

#include "cpuid.h"

#define HYPERVISOR (UINT32_C(1) << 31)   /* leaf 1 ECX */
#define TSC_DEADLINE (UINT32_C(1) << 24) /* leaf 1 ECX */
#define HTT (UINT32_C(1) << 28)          /* leaf 1 EDX: EBX tells the number of processors */
#define AMD_VENDOR_ECX 0x444d4163        /* the end of "AuthenticAMD" */
#define HYGON_VENDOR_ECX 0x656e6975      /* the end of "HygonGenuine" */
#define CMP_LEGACY (UINT32_C(1) << 1)    /* leaf 0x80000001 ECX: they are cores (AMD) */

static unsigned id_bits(unsigned cpus)
{
    unsigned bits = 0;

    while (1U << bits < cpus)
        bits++;
    return bits;
}

static void adapt_features(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned cpus,
                           bool deadline_timer)
{
    entry->ebx = (entry->ebx & 0xffff) | (1U << id_bits(cpus)) << 16 | index << 24;
    entry->ecx |= HYPERVISOR | (deadline_timer ? TSC_DEADLINE : 0);
    entry->edx = cpus > 1 ? entry->edx | HTT : entry->edx & ~HTT;
}

/* Leaf 4: only the last cache levels are shared among cores. */
static void adapt_cache(struct kvm_cpuid_entry2 *entry, unsigned cpus)
{
    unsigned level = entry->eax >> 5 & 7;
    uint32_t sharing = level >= 3 ? (1U << id_bits(cpus)) - 1 : 0;

    if (entry->eax & 0x1f)
        entry->eax = (entry->eax & 0x3fff) | sharing << 14 | ((1U << id_bits(cpus)) - 1) << 26;
}

/* Leaves 0xB and 0x1F: level 0 threads, level 1 cores. */
static void adapt_topology(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned cpus)
{
    entry->eax = entry->index == 1 ? id_bits(cpus) : 0;
    entry->ebx = entry->index == 0 ? 1 : entry->index == 1 ? cpus : 0;
    entry->ecx = entry->index < 2 ? entry->index | (entry->index + 1) << 8 : entry->index;
    entry->edx = index;
}

/* AMD's leaves, which Intel reserves. */
static void adapt_amd_entry(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned cpus)
{
    switch (entry->function) {
    case 0x80000001:
        entry->ecx = cpus > 1 ? entry->ecx | CMP_LEGACY : entry->ecx & ~CMP_LEGACY;
        break;
    case 0x80000008: entry->ecx = (cpus - 1) | id_bits(cpus) << 12; break;
    case 0x8000001e:
        entry->eax = index;
        entry->ebx = index; /* one thread per core */
        entry->ecx = 0;     /* one node */
        break;
    }
}

static bool is_amd(const struct kvm_cpuid2 *cpuid)
{
    for (uint32_t i = 0; i < cpuid->nent; i++)
        if (cpuid->entries[i].function == 0)
            return cpuid->entries[i].ecx == AMD_VENDOR_ECX ||
                   cpuid->entries[i].ecx == HYGON_VENDOR_ECX;
    return false;
}

void cpuid_adapt(struct kvm_cpuid2 *cpuid, unsigned index, unsigned cpus, bool deadline_timer)
{
    bool amd = is_amd(cpuid);

    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];
        switch (entry->function) {
        case 1: adapt_features(entry, index, cpus, deadline_timer); break;
        case 4: adapt_cache(entry, cpus); break;
        case 0xb:
        case 0x1f: adapt_topology(entry, index, cpus); break;
        default:
            if (amd)
                adapt_amd_entry(entry, index, cpus);
            break;
        }
    }
}
