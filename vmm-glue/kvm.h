/* SPDX-License-Identifier: BSD-3-Clause */
/* kvm.h - the host's KVM */

#ifndef VMM_KVM_H
#define VMM_KVM_H

/* Opens /dev/kvm and makes sure that it has what we need; the fd, or -1. */
int kvm_open(void);

/* A virtual machine with interrupt controllers and timer, without memory; the fd, or -1. */
int kvm_create_machine(int kvm_fd);

#endif
