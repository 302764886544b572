/* SPDX-License-Identifier: BSD-3-Clause */
/* kvm.c - the host's KVM */

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kvm.h"
#include "report.h"

/* Three pages for the TSS and one for a page table, which Intel's processors need
 * somewhere in the hole below 4 GiB.
 */
#define TSS_ADDRESS 0xfffbd000
#define IDENTITY_MAP_ADDRESS UINT64_C(0xfffbc000)

static const struct {
    int number;
    const char *name;
} needed[] = {
    { KVM_CAP_IRQCHIP, "an interrupt controller" },
    { KVM_CAP_PIT2, "a timer" },
    { KVM_CAP_EXT_CPUID, "CPUID" },
    { KVM_CAP_IRQ_ROUTING, "interrupt routing" },
    { KVM_CAP_IRQFD, "irqfd" },
    { KVM_CAP_IOEVENTFD, "ioeventfd" },
    { KVM_CAP_IMMEDIATE_EXIT, "immediate exits" },
};

static int check(int fd)
{
    int version = ioctl(fd, KVM_GET_API_VERSION, 0);

    if (version < 0) {
        report("/dev/kvm is not KVM: %s", strerror(errno));
        return -1;
    }
    if (version != KVM_API_VERSION) {
        report("/dev/kvm speaks version %d of its interface, %d is needed", version,
               KVM_API_VERSION);
        return -1;
    }
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (ioctl(fd, KVM_CHECK_EXTENSION, needed[i].number) <= 0) {
            report("/dev/kvm does not provide %s", needed[i].name);
            return -1;
        }
    return 0;
}

/* The processor's own word for whether it can run guests: VMX of Intel's, SVM of AMD's. */
static bool has_virtualization(void)
{
    static const struct {
        uint32_t leaf, ecx;
    } signs[] = { { 1, 1U << 5 }, { 0x80000001, 1U << 2 } };

    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        uint32_t eax = signs[i].leaf, ebx, ecx = 0, edx;
        __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
        if (ecx & signs[i].ecx)
            return true;
    }
    return false;
}

int kvm_open(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        report("there is no /dev/kvm: this kernel has no KVM, or virtualization is off");
    else if (fd < 0 && errno == EACCES)
        report("cannot open /dev/kvm: %s; as a rule it is for root and the group kvm",
               strerror(errno));
    else if (fd < 0)
        report("cannot open /dev/kvm: %s", strerror(errno));
    if (fd >= 0 && check(fd) < 0) {
        close(fd);
        return -1;
    }
    if (fd >= 0 && !has_virtualization())
        report("warning: this processor has no hardware virtualization (vmx or svm), so /dev/kvm "
               "emulates: a guest runs very slowly, and a distribution's kernel hardly ever comes "
               "up");
    return fd;
}

static int create_chips(int vm_fd)
{
    struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
    uint64_t identity_map = IDENTITY_MAP_ADDRESS;

    if (ioctl(vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
        ioctl(vm_fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0) {
        report("KVM refuses the addresses of its own pages: %s", strerror(errno));
        return -1;
    }
    if (ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0) < 0) {
        report("KVM cannot make interrupt controllers: %s", strerror(errno));
        return -1;
    }
    if (ioctl(vm_fd, KVM_CREATE_PIT2, &pit) < 0) {
        report("KVM cannot make a timer: %s", strerror(errno));
        return -1;
    }
    return 0;
}

int kvm_create_machine(int kvm_fd)
{
    int vm_fd;

    do
        vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
    while (vm_fd < 0 && errno == EINTR);
    if (vm_fd < 0) {
        report("KVM cannot make a virtual machine: %s", strerror(errno));
        return -1;
    }
    if (create_chips(vm_fd) < 0) {
        close(vm_fd);
        return -1;
    }
    return vm_fd;
}
