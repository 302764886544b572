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

struct boot_file {
    const char *name; /* the caller's; NULL: there is no such file */
    int fd;           /* owned; -1: not open */
};

/* What a machine starts from.  The files stay open, because each reset loads them anew and a
 * process in its sandbox opens none.
 */
struct boot_files {
    struct boot_file kernel;
    struct boot_file initrd;
};

/* Opens the kernel and, unless it is NULL, the initrd.  To be closed even after a failure. */
int boot_files_open(struct boot_files *files, const char *kernel, const char *initrd);

/* Could a machine be started from them?  What there is of memory is not asked yet. */
int boot_files_check(const struct boot_files *files);

void boot_files_close(struct boot_files *files);

/* Loads the files and fills in everything the kernel's 64-bit entry expects;
 * tells where that entry is.
 */
int boot_load(const struct memory *memory, const struct boot_files *files, const char *command_line,
              uint64_t rsdp, uint64_t *entry);

#endif
