/* SPDX-License-Identifier: BSD-3-Clause */
/* vcpu.h - a virtual processor and its thread */

#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm_cpuid2;
struct kvm_run;
struct vm;

struct vcpu {
    struct vm *vm;
    unsigned index; /* also its APIC id */
    int fd;
    struct kvm_run *run; /* shared with KVM; the thread's, but for immediate_exit */
    size_t run_size;
    pthread_t thread;
    bool started;
};

/* What the host's KVM offers every vCPU; the caller frees it. */
struct kvm_cpuid2 *vcpu_supported_cpuid(int kvm_fd);

int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index, const struct kvm_cpuid2 *supported);
void vcpu_free(struct vcpu *vcpu);

/* Puts the first vCPU at the kernel's entry; the others wait for it to wake them. */
int vcpu_set_entry(struct vcpu *vcpu, uint64_t entry);

int vcpu_start(struct vcpu *vcpu);

/* Makes the thread leave KVM and end, and waits for it. */
void vcpu_stop(struct vcpu *vcpu);

/* Once per process: the signal that vcpu_stop uses. */
void vcpu_install_signal(void);

#endif
