/* SPDX-License-Identifier: BSD-3-Clause */
/* boot.h - a Linux kernel put where it starts */

#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <stdint.h>

#include "memory.h"

/* Below 1 MiB, all free of RAM the kernel may use before it has read them. */
#define BOOT_GDT 0x500
#define BOOT_PARAMS 0x7000
#define BOOT_STACK 0x8ff0
#define BOOT_PAGE_TABLES 0x9000 /* to 0xF000: one PML4, one PDPT, four PDs */
#define BOOT_COMMAND_LINE 0x20000
#define BOOT_EBDA 0x9fc00 /* RAM ends here, up to 1 MiB */
#define BOOT_ACPI 0xe0000 /* to 1 MiB */

#define BOOT_CODE_SELECTOR 0x10
#define BOOT_DATA_SELECTOR 0x18
#define BOOT_TASK_SELECTOR 0x20

struct boot_files {
    const char *kernel;
    const char *initrd;       /* NULL: none */
    const char *command_line; /* never NULL */
    int kernel_fd, initrd_fd; /* the files, where they are open already; else 0 */
};

/* Opens one of the files, for a process that will not be able to later; or reports and returns -1. */
int boot_open(const char *name);

/* Loads the files and fills in everything the kernel's 64-bit entry expects;
 * tells where that entry is.
 */
int boot_load(const struct memory *memory, const struct boot_files *files, uint64_t rsdp,
              uint64_t *entry);

#endif
