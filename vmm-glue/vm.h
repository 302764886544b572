/* SPDX-License-Identifier: BSD-3-Clause */
/* vm.h - the machine: everything between one reset and the next */

#ifndef VMM_VM_H
#define VMM_VM_H

#include <pthread.h>
#include <stdbool.h>

#include "boot.h"
#include "bus.h"
#include "console.h"
#include "irq.h"
#include "memory.h"
#include "nbd-disk.h"
#include "options.h"
#include "pci.h"
#include "power.h"
#include "rtc.h"
#include "serial.h"
#include "vcpu.h"
#include "virtio-blk.h"
#include "virtio-pci.h"

enum vm_outcome {
    VM_RUNNING,
    VM_POWERED_OFF, /* by the guest */
    VM_RESET,       /* by the guest */
    VM_STOPPED,     /* from outside; a sentence has been printed */
    VM_FAILED,      /* a sentence has been printed */
};

/* Built by one thread before the vCPUs run and taken down after they have ended;
 * in between only outcome changes, and what the parts guard themselves.
 */
struct vm {
    const struct options *options;
    const struct boot_files *boot_files;
    struct nbd_disk *nbd_disks; /* one for each of the options' disks */
    int kvm_fd;                 /* the process's */
    int fd;
    struct memory memory;
    struct irq irq;
    struct bus ports;
    struct bus mmio;
    struct pci_bus pci;
    struct serial serial;
    struct rtc rtc;
    struct power power;
    struct virtio_blk *blks;       /* one for each disk */
    struct virtio_pci *transports; /* likewise */
    struct vcpu *vcpus;

    int ended_fd; /* eventfd: outcome is no longer VM_RUNNING */
    pthread_mutex_t lock;
    enum vm_outcome outcome; /* lock to change, atomic to read; set once */
};

/* A machine with its kernel loaded, ready to run; NULL after a report.  What it is made from must
 * outlive it.
 */
struct vm *vm_create(const struct options *options, const struct boot_files *boot_files,
                     struct nbd_disk *nbd_disks, int kvm_fd);

/* Runs it until it ends; stop_fd is an eventfd that gives the number of a signal. */
enum vm_outcome vm_run(struct vm *vm, struct console *console, int stop_fd);

/* -1: requests are still in flight and its memory must stay; only leaving the
 * process is possible.
 */
int vm_destroy(struct vm *vm);

/* For the parts, any thread.  The first word counts; only a first failure is printed. */
void vm_end(struct vm *vm, enum vm_outcome outcome);
void vm_fail(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool vm_has_ended(const struct vm *vm);

#endif
