/* SPDX-License-Identifier: BSD-3-Clause */
/* cpuid.h - what a vCPU says of itself */

#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include <stdbool.h>

struct kvm_cpuid2;

/* Turns what KVM supports into what vCPU index of a machine of cpus cores reports;
 * deadline_timer: KVM emulates the TSC deadline timer.
 */
void cpuid_adapt(struct kvm_cpuid2 *cpuid, unsigned index, unsigned cpus, bool deadline_timer);

#endif
