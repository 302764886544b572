/* SPDX-License-Identifier: BSD-3-Clause */
/* vm.c - the machine: everything between one reset and the next
 *
 * A reset takes the machine down and builds another; only the disks' connections
 * and the console live on.  So a reset machine is as new as the first, and no part
 * needs to know how to reset itself.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "acpi.h"
#include "cleanup.h"
#include "kvm.h"
#include "report.h"
#include "vm.h"

#define DRAIN_SECONDS 30

bool vm_has_ended(const struct vm *vm)
{
    return __atomic_load_n(&vm->outcome, __ATOMIC_ACQUIRE) != VM_RUNNING;
}

static bool end_once(struct vm *vm, enum vm_outcome outcome)
{
    LOCK_SCOPE(&vm->lock);
    if (vm->outcome != VM_RUNNING)
        return false;
    __atomic_store_n(&vm->outcome, outcome, __ATOMIC_RELEASE);
    eventfd_write(vm->ended_fd, 1);
    return true;
}

void vm_end(struct vm *vm, enum vm_outcome outcome)
{
    end_once(vm, outcome);
}

void vm_fail(struct vm *vm, const char *fmt, ...)
{
    char sentence[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    if (end_once(vm, VM_FAILED))
        report("%s", sentence);
}

static void on_power(void *opaque, enum power_request request)
{
    vm_end(opaque, request == POWER_OFF ? VM_POWERED_OFF : VM_RESET);
}

static int add_disk(struct vm *vm, unsigned index)
{
    const struct disk_options *options = &vm->options->disks[index];
    unsigned queues = options->num_queues ? options->num_queues : vm->options->cpus;
    struct virtio_blk *blk = &vm->blks[index];
    struct virtio_pci *transport = &vm->transports[index];

    if (virtio_blk_init(blk, &vm->nbd_disks[index], &vm->memory, queues) < 0 ||
        virtio_pci_init(transport, &blk->device, &vm->irq, vm->fd) < 0)
        return -1;
    return pci_add(&vm->pci, &transport->pci);
}

static int add_devices(struct vm *vm)
{
    unsigned count = vm->options->disk_count;

    pci_init(&vm->pci, &vm->ports, &vm->mmio);
    rtc_init(&vm->rtc, &vm->ports);
    power_init(&vm->power, &vm->ports, on_power, vm);
    if (serial_init(&vm->serial, &vm->irq, &vm->ports, STDOUT_FILENO) < 0)
        return -1;
    vm->blks = calloc(count + 1, sizeof *vm->blks);
    vm->transports = calloc(count + 1, sizeof *vm->transports);
    if (!vm->blks || !vm->transports) {
        report("out of memory for %u disks", count);
        return -1;
    }
    for (unsigned i = 0; i < count; i++)
        if (add_disk(vm, i) < 0)
            return -1;
    return 0;
}

static int add_vcpus(struct vm *vm)
{
    CLEANUP_FREE struct kvm_cpuid2 *supported = vcpu_supported_cpuid(vm->kvm_fd);

    if (!supported)
        return -1;
    vm->vcpus = calloc(vm->options->cpus, sizeof *vm->vcpus);
    if (!vm->vcpus) {
        report("out of memory for %u vCPUs", vm->options->cpus);
        return -1;
    }
    for (unsigned i = 0; i < vm->options->cpus; i++)
        if (vcpu_init(&vm->vcpus[i], vm, i, supported) < 0)
            return -1;
    return 0;
}

static int load_kernel(struct vm *vm)
{
    const char *append = vm->options->append;
    uint64_t rsdp = acpi_write(&vm->memory, BOOT_ACPI, vm->options->cpus);
    uint64_t entry;

    if (boot_load(&vm->memory, vm->boot_files, append ? append : "", rsdp, &entry) < 0)
        return -1;
    return vcpu_set_entry(&vm->vcpus[0], entry);
}

static int build(struct vm *vm)
{
    vm->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vm->ended_fd < 0) {
        report("cannot make an eventfd: %s", strerror(errno));
        return -1;
    }
    vm->fd = kvm_create_machine(vm->kvm_fd);
    if (vm->fd < 0 || memory_init(&vm->memory, vm->options->memory) < 0 ||
        memory_attach(&vm->memory, vm->fd) < 0 || irq_init(&vm->irq, vm->fd) < 0 ||
        add_devices(vm) < 0 || add_vcpus(vm) < 0)
        return -1;
    return load_kernel(vm);
}

struct vm *vm_create(const struct options *options, const struct boot_files *boot_files,
                     struct nbd_disk *nbd_disks, int kvm_fd)
{
    struct vm *vm = calloc(1, sizeof *vm);

    if (!vm) {
        report("out of memory for the machine");
        return NULL;
    }
    vm->options = options;
    vm->boot_files = boot_files;
    vm->nbd_disks = nbd_disks;
    vm->kvm_fd = kvm_fd;
    vm->fd = vm->ended_fd = -1;
    pthread_mutex_init(&vm->lock, NULL);
    if (build(vm) == 0)
        return vm;
    vm_destroy(vm); /* nothing has run, nothing is in flight */
    return NULL;
}

static void stop_by_signal(struct vm *vm, int stop_fd)
{
    eventfd_t number;

    if (eventfd_read(stop_fd, &number) == 0 && end_once(vm, VM_STOPPED))
        report("stopped by a signal: %s", strsignal((int)number));
}

static void watch(struct vm *vm, struct console *console, int stop_fd)
{
    while (!vm_has_ended(vm)) {
        struct pollfd fds[] = {
            { .fd = vm->ended_fd, .events = POLLIN },
            { .fd = stop_fd, .events = POLLIN },
            { .fd = vm->serial.room_fd, .events = POLLIN },
            { .fd = console_wants_input(console) ? console->fd : -1, .events = POLLIN },
        };
        eventfd_t count;

        if (poll(fds, 4, -1) < 0)
            continue;
        if (fds[1].revents)
            stop_by_signal(vm, stop_fd);
        if (fds[2].revents)
            eventfd_read(vm->serial.room_fd, &count);
        if (fds[3].revents && console_read(console) == CONSOLE_QUIT && end_once(vm, VM_STOPPED))
            report("stopped from the console");
        console_feed(console, &vm->serial);
    }
}

enum vm_outcome vm_run(struct vm *vm, struct console *console, int stop_fd)
{
    unsigned started = 0;

    while (started < vm->options->cpus && vcpu_start(&vm->vcpus[started]) == 0)
        started++;
    if (started < vm->options->cpus)
        vm_end(vm, VM_FAILED);
    watch(vm, console, stop_fd);
    for (unsigned i = 0; i < started; i++)
        vcpu_stop(&vm->vcpus[i]);
    return vm->outcome;
}

static int quiesce_disks(struct vm *vm)
{
    int result = 0;

    for (unsigned i = 0; vm->transports && i < vm->options->disk_count; i++)
        if (vm->transports[i].device && virtio_pci_shutdown(&vm->transports[i], DRAIN_SECONDS) < 0)
            result = -1;
    return result;
}

int vm_destroy(struct vm *vm)
{
    if (quiesce_disks(vm) < 0)
        return -1;
    for (unsigned i = 0; vm->vcpus && i < vm->options->cpus; i++)
        vcpu_free(&vm->vcpus[i]);
    for (unsigned i = 0; vm->transports && i < vm->options->disk_count; i++) {
        virtio_pci_free(&vm->transports[i]);
        virtio_blk_free(&vm->blks[i]);
    }
    free(vm->vcpus);
    free(vm->transports);
    free(vm->blks);
    serial_free(&vm->serial);
    pci_free(&vm->pci);
    irq_free(&vm->irq);
    if (vm->fd >= 0)
        close(vm->fd);
    memory_free(&vm->memory);
    if (vm->ended_fd >= 0)
        close(vm->ended_fd);
    pthread_mutex_destroy(&vm->lock);
    free(vm);
    return 0;
}
