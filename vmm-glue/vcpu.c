/* SPDX-License-Identifier: BSD-3-Clause */
/* vcpu.c - a virtual processor and its thread
 *
 * The thread runs guest code until it touches a device (the buses know whose), or
 * the machine ends.  The first vCPU starts at the kernel's entry in 64-bit mode,
 * the others sleep in KVM until the guest wakes them.
 */

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "cleanup.h"
#include "cpuid.h"
#include "report.h"
#include "vcpu.h"
#include "vm.h"

#define STOP_SIGNAL SIGUSR1
#define MAX_CPUID_ENTRIES 256
#define MSR_MISC_ENABLE 0x1a0
#define MISC_ENABLE_FAST_STRING 1
#define CR0_64 0x80050033 /* PG AM WP NE ET MP PE */
#define CR4_PAE (1 << 5)
#define EFER_64 0x500 /* LMA LME */
#define LAPIC_LVT0 0x350
#define LAPIC_LVT1 0x360
#define DELIVER_EXTINT (7 << 8)
#define DELIVER_NMI (4 << 8)

static int failed(const struct vcpu *vcpu, const char *what)
{
    report("KVM refuses the %s of vCPU %u: %s", what, vcpu->index, strerror(errno));
    return -1;
}

struct kvm_cpuid2 *vcpu_supported_cpuid(int kvm_fd)
{
    size_t size = sizeof(struct kvm_cpuid2) + MAX_CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2);
    struct kvm_cpuid2 *cpuid = calloc(1, size);

    if (!cpuid) {
        report("out of memory for the CPUID table");
        return NULL;
    }
    cpuid->nent = MAX_CPUID_ENTRIES;
    if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0) {
        report("KVM does not tell what processor it offers: %s", strerror(errno));
        free(cpuid);
        return NULL;
    }
    return cpuid;
}

static int set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *supported)
{
    size_t size = sizeof *supported + supported->nent * sizeof supported->entries[0];
    CLEANUP_FREE struct kvm_cpuid2 *cpuid = malloc(size);
    bool deadline_timer =
        ioctl(vcpu->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;

    if (!cpuid) {
        report("out of memory for the CPUID table");
        return -1;
    }
    memcpy(cpuid, supported, size);
    cpuid_adapt(cpuid, vcpu->index, vcpu->vm->options->cpus, deadline_timer);
    return ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid) < 0 ? failed(vcpu, "CPUID table") : 0;
}

static int set_msrs(struct vcpu *vcpu)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entries[1];
    } msrs = { .head.nmsrs = 1,
               .entries = { { .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRING } } };

    return ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) < 0 ? failed(vcpu, "MSRs") : 0;
}

/* The PIC's line and the NMI arrive at the local APIC as on real boards. */
static int wire_lapic(struct vcpu *vcpu)
{
    struct kvm_lapic_state lapic;

    if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) < 0)
        return failed(vcpu, "local APIC");
    memcpy(lapic.regs + LAPIC_LVT0, &(uint32_t){ DELIVER_EXTINT }, 4);
    memcpy(lapic.regs + LAPIC_LVT1, &(uint32_t){ DELIVER_NMI }, 4);
    return ioctl(vcpu->fd, KVM_SET_LAPIC, &lapic) < 0 ? failed(vcpu, "local APIC") : 0;
}

static int map_run(struct vcpu *vcpu)
{
    int size = ioctl(vcpu->vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    if (size < 0)
        return failed(vcpu, "shared page");
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (run == MAP_FAILED)
        return failed(vcpu, "shared page");
    vcpu->run = run;
    vcpu->run_size = (size_t)size;
    return 0;
}

int vcpu_init(struct vcpu *vcpu, struct vm *vm, unsigned index, const struct kvm_cpuid2 *supported)
{
    *vcpu = (struct vcpu){ .vm = vm, .index = index };
    vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)index);
    if (vcpu->fd < 0)
        return failed(vcpu, "creation");
    if (map_run(vcpu) < 0 || set_cpuid(vcpu, supported) < 0 || set_msrs(vcpu) < 0)
        return -1;
    return wire_lapic(vcpu);
}

void vcpu_free(struct vcpu *vcpu)
{
    if (!vcpu->vm)
        return;
    if (vcpu->run)
        munmap(vcpu->run, vcpu->run_size);
    if (vcpu->fd >= 0)
        close(vcpu->fd);
    *vcpu = (struct vcpu){ 0 };
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
    return (struct kvm_segment){
        .limit = UINT32_MAX,
        .selector = selector,
        .type = type,
        .present = 1,
        .s = 1,
        .l = code,
        .db = !code,
        .g = 1,
    };
}

int vcpu_set_entry(struct vcpu *vcpu, uint64_t entry)
{
    struct kvm_regs regs = { .rip = entry, .rsi = BOOT_PARAMS, .rsp = BOOT_STACK, .rflags = 2 };
    struct kvm_sregs sregs;

    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
        return failed(vcpu, "system registers");
    sregs.cs = segment(BOOT_CODE_SELECTOR, 0xb, true);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = segment(BOOT_DATA_SELECTOR, 3, false);
    sregs.tr = segment(BOOT_TASK_SELECTOR, 0xb, false);
    sregs.tr.s = sregs.tr.db = 0;
    sregs.gdt = (struct kvm_dtable){ .base = BOOT_GDT, .limit = BOOT_TASK_SELECTOR + 7 };
    sregs.idt = (struct kvm_dtable){ 0 };
    sregs.cr0 = CR0_64;
    sregs.cr3 = BOOT_PAGE_TABLES;
    sregs.cr4 = CR4_PAE;
    sregs.efer = EFER_64;
    if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) < 0)
        return failed(vcpu, "system registers");
    return ioctl(vcpu->fd, KVM_SET_REGS, &regs) < 0 ? failed(vcpu, "registers") : 0;
}

static void handle_port(struct vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->run;
    uint8_t *data = (uint8_t *)vcpu->run + run->io.data_offset;

    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        uint64_t value = 0;
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            memcpy(&value, data, run->io.size);
            bus_write(&vcpu->vm->ports, run->io.port, run->io.size, value);
        } else {
            value = bus_read(&vcpu->vm->ports, run->io.port, run->io.size);
            memcpy(data, &value, run->io.size);
        }
    }
}

static void handle_mmio(struct vcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint64_t value = 0;

    if (run->mmio.is_write) {
        memcpy(&value, run->mmio.data, run->mmio.len);
        bus_write(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.len, value);
    } else {
        value = bus_read(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.len);
        memcpy(run->mmio.data, &value, run->mmio.len);
    }
}

static uint64_t rip_of(const struct vcpu *vcpu)
{
    struct kvm_regs regs = { 0 };

    ioctl(vcpu->fd, KVM_GET_REGS, &regs);
    return regs.rip;
}

/* " (bytes 0f 01 ...)", or nothing if KVM does not tell. */
static void describe_instruction(const struct kvm_run *run, char *text, size_t size)
{
    unsigned count = run->emulation_failure.insn_size;
    size_t used = 0;

    text[0] = '\0';
    if (run->emulation_failure.ndata < 1 ||
        !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) ||
        !count || count > sizeof run->emulation_failure.insn_bytes)
        return;
    for (unsigned i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %02x", i ? "" : " (bytes",
                                 run->emulation_failure.insn_bytes[i]);
    if (used < size)
        snprintf(text + used, size - used, ")");
}

static void handle_internal_error(struct vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->run;
    char instruction[80];

    if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
        vm_fail(vcpu->vm, "KVM stopped vCPU %u at RIP 0x%" PRIx64 " with internal error %" PRIu32,
                vcpu->index, rip_of(vcpu), run->internal.suberror);
        return;
    }
    describe_instruction(run, instruction, sizeof instruction);
    vm_fail(vcpu->vm,
            "KVM stopped vCPU %u with internal error 1: it could not emulate the instruction at "
            "RIP 0x%" PRIx64 "%s; this machine's /dev/kvm cannot run an unmodified kernel",
            vcpu->index, rip_of(vcpu), instruction);
}

static void handle_system_event(struct vcpu *vcpu)
{
    switch (vcpu->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN: vm_end(vcpu->vm, VM_POWERED_OFF); break;
    case KVM_SYSTEM_EVENT_RESET: vm_end(vcpu->vm, VM_RESET); break;
    default:
        vm_fail(vcpu->vm, "KVM reports that the guest crashed (system event %" PRIu32 ")",
                vcpu->run->system_event.type);
        break;
    }
}

static void handle_exit(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    const struct kvm_run *run = vcpu->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO: handle_port(vcpu); break;
    case KVM_EXIT_MMIO: handle_mmio(vcpu); break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN: break;
    case KVM_EXIT_SYSTEM_EVENT: handle_system_event(vcpu); break;
    case KVM_EXIT_INTERNAL_ERROR: handle_internal_error(vcpu); break;
    case KVM_EXIT_SHUTDOWN:
        vm_fail(vm, "the guest's vCPU %u ended in a triple fault", vcpu->index);
        break;
    case KVM_EXIT_FAIL_ENTRY:
        vm_fail(vm,
                "the processor refuses to enter the guest on vCPU %u at RIP 0x%" PRIx64
                ", reason 0x%" PRIx64,
                vcpu->index, rip_of(vcpu), (uint64_t)run->fail_entry.hardware_entry_failure_reason);
        break;
    default:
        vm_fail(vm,
                "KVM stopped vCPU %u at RIP 0x%" PRIx64 " for reason %" PRIu32
                ", which is not known here",
                vcpu->index, rip_of(vcpu), run->exit_reason);
        break;
    }
}

static void *run_thread(void *opaque)
{
    struct vcpu *vcpu = opaque;

    while (!vm_has_ended(vcpu->vm)) {
        if (ioctl(vcpu->fd, KVM_RUN, 0) == 0)
            handle_exit(vcpu);
        else if (errno != EINTR && errno != EAGAIN)
            vm_fail(vcpu->vm, "KVM cannot run vCPU %u at RIP 0x%" PRIx64 ": %s", vcpu->index,
                    rip_of(vcpu), strerror(errno));
    }
    return NULL;
}

int vcpu_start(struct vcpu *vcpu)
{
    int error = pthread_create(&vcpu->thread, NULL, run_thread, vcpu);

    if (error) {
        report("cannot start the thread of vCPU %u: %s", vcpu->index, strerror(error));
        return -1;
    }
    vcpu->started = true;
    return 0;
}

void vcpu_stop(struct vcpu *vcpu)
{
    if (!vcpu->started)
        return;
    /* Set before the signal: a KVM_RUN that begins after it returns at once, too. */
    __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    pthread_kill(vcpu->thread, STOP_SIGNAL);
    pthread_join(vcpu->thread, NULL);
    vcpu->started = false;
}

static void on_stop_signal(int number)
{
    (void)number;
}

void vcpu_install_signal(void)
{
    struct sigaction action = { .sa_handler = on_stop_signal };

    sigaction(STOP_SIGNAL, &action, NULL);
}
