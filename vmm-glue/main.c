/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - qcow-vmm: boots Linux from a qcow2 image in a small virtual machine
 *
 * The guest's disk is an NBD export, as a rule of an nbdkit that this program
 * starts: it knows virtio and NBD and nothing of image formats.
 *
 * Exit status 0 is for the guest's power-off, and with -no-reboot for its reset;
 * every other end prints a sentence and has status 1.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <errno.h>

#include "boot.h"
#include "cleanup.h"
#include "console.h"
#include "kvm.h"
#include "nbd-disk.h"
#include "options.h"
#include "report.h"
#include "sandbox.h"
#include "standard-streams.h"
#include "vcpu.h"
#include "vm.h"

/* For the signal handler, which takes no argument. */
static int stop_fd;

static void on_signal(int number)
{
    int saved_errno = errno;

    eventfd_write(stop_fd, (eventfd_t)number);
    errno = saved_errno;
}

static void ignore_signal(int number)
{
    (void)number;
}

/* Handlers, not masks or SIG_IGN, because those would be inherited by nbdkit. */
static int install_signals(void)
{
    static const int stopping[] = { SIGHUP, SIGINT, SIGTERM };
    struct sigaction stop = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    struct sigaction ignore = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };

    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_fd < 0) {
        report("cannot make an eventfd for signals: %s", strerror(errno));
        return -1;
    }
    for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++)
        sigaction(stopping[i], &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    vcpu_install_signal();
    return 0;
}

static int open_disks(const struct options *options, struct nbd_disk *disks, unsigned *opened)
{
    for (*opened = 0; *opened < options->disk_count; (*opened)++) {
        const struct disk_options *disk = &options->disks[*opened];
        unsigned queues = disk->num_queues ? disk->num_queues : options->cpus;
        if (nbd_disk_open(&disks[*opened], disk, queues) < 0)
            return -1;
    }
    return 0;
}

static int start_disks(struct nbd_disk *disks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (nbd_disk_start(&disks[i]) < 0)
            return -1;
    return 0;
}

/* Everything is open, no other thread is there, the guest has not run: what breaks out of it finds
 * itself in a process that can open and remove no file, start no program, make no socket and send
 * no signal. */
static int enter_sandbox(void)
{
    struct sandbox sandbox;

    sandbox_begin(&sandbox, SANDBOX_MACHINE);
    if (sandbox_weakness(&sandbox))
        report("warning: %s", sandbox_weakness(&sandbox));
    if (sandbox_enter(&sandbox, &(struct sandbox_limits){ 0 }) == 0)
        return 0;
    report("cannot enter the sandbox: %s", sandbox.error);
    return -1;
}

/* One machine after the other, until one ends otherwise than by a reset. */
static enum vm_outcome run_machines(const struct options *options, const struct boot_files *files,
                                    struct nbd_disk *disks, int kvm_fd)
{
    struct console console;
    enum vm_outcome outcome;

    console_open(&console, STDIN_FILENO);
    do {
        struct vm *vm = vm_create(options, files, disks, kvm_fd);
        if (!vm)
            return VM_FAILED;
        outcome = vm_run(vm, &console, stop_fd);
        if (vm_destroy(vm) < 0)
            exit(EXIT_FAILURE); /* threads still use the memory: leave it to the kernel */
    } while (outcome == VM_RESET && !options->no_reboot);
    return outcome;
}

static enum vm_outcome run_with_files(const struct options *options, const struct boot_files *files,
                                      int kvm_fd)
{
    static struct nbd_disk disks[MAX_DISKS];
    enum vm_outcome outcome = VM_FAILED;
    unsigned opened = 0;

    if (open_disks(options, disks, &opened) == 0 && install_signals() == 0 &&
        enter_sandbox() == 0 && start_disks(disks, options->disk_count) == 0)
        outcome = run_machines(options, files, disks, kvm_fd);
    while (opened)
        nbd_disk_close(&disks[--opened]);
    return outcome;
}

/* What was mistyped is told of before any server is started. */
static int run(const struct options *options)
{
    struct boot_files files;
    enum vm_outcome outcome = VM_FAILED;

    if (boot_files_open(&files, options->kernel, options->initrd) == 0 &&
        boot_files_check(&files) == 0) {
        CLEANUP_CLOSE int kvm_fd = kvm_open();
        if (kvm_fd >= 0)
            outcome = run_with_files(options, &files, kvm_fd);
    }
    boot_files_close(&files);
    return outcome == VM_POWERED_OFF || outcome == VM_RESET ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
    struct options options;
    int status = EXIT_FAILURE;

    keep_standard_streams_apart();
    switch (options_parse(&options, argc, argv)) {
    case OPTIONS_RUN: status = run(&options); break;
    case OPTIONS_DONE: status = EXIT_SUCCESS; break;
    case OPTIONS_WRONG: break;
    }
    options_free(&options);
    return status;
}
