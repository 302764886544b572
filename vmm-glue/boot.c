/* SPDX-License-Identifier: BSD-3-Clause */
/* boot.c - a Linux kernel put where it starts
 *
 * The 64-bit boot protocol: a bzImage is a boot sector, setup_sects sectors of
 * real-mode code, and the protected-mode part.  Only the last is loaded, at the
 * address it prefers, where it wants init_size bytes; 0x200 into it is the 64-bit
 * entry, called with paging on, memory below 4 GiB mapped as it is, and RSI at the
 * boot parameters: the header from the image, where command line and initrd are,
 * the memory map, and the ACPI root.
 *
 *     0x1000000 ... kernel ... + init_size ... | ... initrd | end of low RAM
 */

#include <asm/bootparam.h>
#include <asm/e820.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "report.h"

#define SECTOR 512
#define HEADER_START offsetof(struct boot_params, hdr)
#define BOOT_FLAG 0xaa55
#define HEADER_MAGIC 0x53726448 /* "HdrS" */
#define OLDEST_PROTOCOL 0x20c   /* the first with the 64-bit entry */
#define ENTRY_64 0x200
#define LOADER_UNDEFINED 0xff
#define PAGE 4096
#define RAM 1
#define RESERVED 2

struct image {
    const char *name;
    int fd;
    uint64_t size;
};

static int open_file(struct boot_file *file)
{
    file->fd = open(file->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd >= 0)
        return 0;
    report("cannot open %s: %s", file->name, strerror(errno));
    return -1;
}

int boot_files_open(struct boot_files *files, const char *kernel, const char *initrd)
{
    *files = (struct boot_files){ .kernel = { kernel, -1 }, .initrd = { initrd, -1 } };
    if (open_file(&files->kernel) < 0)
        return -1;
    return initrd ? open_file(&files->initrd) : 0;
}

static void close_file(struct boot_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

void boot_files_close(struct boot_files *files)
{
    close_file(&files->kernel);
    close_file(&files->initrd);
}

/* The file as it is now. */
static int look_at(const struct boot_file *file, struct image *image)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0) {
        report("cannot load %s: %s", file->name, strerror(errno));
        return -1;
    }
    if (!S_ISREG(st.st_mode)) {
        report("cannot load %s: it is not a regular file", file->name);
        return -1;
    }
    *image = (struct image){ file->name, file->fd, (uint64_t)st.st_size };
    return 0;
}

static int read_image(const struct image *image, void *buf, uint64_t count, uint64_t offset)
{
    uint8_t *to = buf;

    while (count) {
        ssize_t n = pread(image->fd, to, count, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            report("cannot read %s at offset 0x%" PRIx64 ": %s", image->name, offset,
                   n < 0 ? strerror(errno) : "it ends there");
            return -1;
        }
        to += n;
        offset += (uint64_t)n;
        count -= (uint64_t)n;
    }
    return 0;
}

static int check_header(const struct image *kernel, const struct setup_header *header)
{
    if (header->boot_flag != BOOT_FLAG || header->header != HEADER_MAGIC) {
        report("%s is not a bzImage: it has no Linux boot header at offset 0x202", kernel->name);
        return -1;
    }
    if (header->version < OLDEST_PROTOCOL || !(header->xloadflags & XLF_KERNEL_64)) {
        report("%s has no 64-bit entry: its boot protocol is %d.%02d, 2.12 or later with a 64-bit "
               "kernel is needed",
               kernel->name, header->version >> 8, header->version & 0xff);
        return -1;
    }
    return 0;
}

static int read_header(const struct image *kernel, struct boot_params *params)
{
    uint8_t sectors[2 * SECTOR] = { 0 };
    struct setup_header *header = &params->hdr;

    if (kernel->size < sizeof sectors) {
        report("%s is not a bzImage: it has only %" PRIu64 " bytes", kernel->name, kernel->size);
        return -1;
    }
    if (read_image(kernel, sectors, sizeof sectors, 0) < 0)
        return -1;
    /* The header ends where the jump at its offset 0x11 goes to. */
    size_t length = 0x11U + sectors[0x201];
    if (length > sizeof *header)
        length = sizeof *header;
    memcpy(header, sectors + HEADER_START, length);
    return check_header(kernel, header);
}

int boot_files_check(const struct boot_files *files)
{
    struct boot_params params = { 0 };
    struct image image;

    if (look_at(&files->kernel, &image) < 0 || read_header(&image, &params) < 0)
        return -1;
    return files->initrd.name ? look_at(&files->initrd, &image) : 0;
}

static int load_kernel(const struct memory *memory, const struct image *kernel,
                       const struct setup_header *header)
{
    uint64_t setup_size = ((header->setup_sects ? header->setup_sects : 4) + UINT64_C(1)) * SECTOR;
    uint64_t address = header->pref_address;

    if (kernel->size <= setup_size + ENTRY_64) {
        report("%s is cut short: %" PRIu64 " bytes, its header tells of more than %" PRIu64,
               kernel->name, kernel->size, setup_size + ENTRY_64);
        return -1;
    }
    uint64_t length = kernel->size - setup_size;
    uint64_t needed = length > header->init_size ? length : header->init_size;
    void *target = address < 0x100000 ? NULL : memory_range(memory, address, needed);
    if (!target || address >= MEMORY_HOLE_START) {
        report("kernel %s does not fit: it needs %" PRIu64 " bytes at address 0x%" PRIx64
               ", and RAM ends at 0x%" PRIx64,
               kernel->name, needed, address, memory->low);
        return -1;
    }
    return read_image(kernel, target, length, setup_size);
}

static int load_initrd(const struct memory *memory, const struct boot_file *file,
                       struct setup_header *header)
{
    struct image initrd;
    uint64_t floor = header->pref_address + header->init_size;
    uint64_t end = (uint64_t)header->initrd_addr_max + 1;

    if (!file->name)
        return 0;
    if (look_at(file, &initrd) < 0)
        return -1;
    if (end > memory->low)
        end = memory->low;
    uint64_t start = initrd.size < end ? (end - initrd.size) & ~(uint64_t)(PAGE - 1) : 0;
    if (start < floor) {
        report("initrd %s does not fit: it has %" PRIu64 " bytes, and there are %" PRIu64
               " between the kernel and the end of RAM",
               initrd.name, initrd.size, end > floor ? end - floor : 0);
        return -1;
    }
    header->ramdisk_image = (uint32_t)start;
    header->ramdisk_size = (uint32_t)initrd.size;
    return read_image(&initrd, memory->base + start, initrd.size, 0);
}

static int place_command_line(const struct memory *memory, const char *line,
                              struct setup_header *header)
{
    size_t length = strlen(line);

    if (length > header->cmdline_size) {
        report("the kernel's command line has %zu bytes, this kernel takes at most %" PRIu32,
               length, header->cmdline_size);
        return -1;
    }
    if (length >= BOOT_EBDA - BOOT_COMMAND_LINE) {
        report("the kernel's command line has %zu bytes, at most %d are possible", length,
               BOOT_EBDA - BOOT_COMMAND_LINE - 1);
        return -1;
    }
    memcpy(memory->base + BOOT_COMMAND_LINE, line, length + 1);
    header->cmd_line_ptr = BOOT_COMMAND_LINE;
    return 0;
}

static void add_e820(struct boot_params *params, uint64_t address, uint64_t size, uint32_t type)
{
    if (size)
        params->e820_table[params->e820_entries++] =
            (struct boot_e820_entry){ .addr = address, .size = size, .type = type };
}

static void describe_memory(const struct memory *memory, struct boot_params *params)
{
    add_e820(params, 0, BOOT_EBDA, RAM);
    add_e820(params, BOOT_EBDA, 0x100000 - BOOT_EBDA, RESERVED);
    add_e820(params, 0x100000, memory->low - 0x100000, RAM);
    add_e820(params, MEMORY_HOLE_END, memory->high, RAM);
}

/* Flat segments; only their selectors matter, the vCPU starts with them loaded. */
static void write_gdt(const struct memory *memory)
{
    static const uint64_t gdt[] = {
        [BOOT_CODE_SELECTOR / 8] = UINT64_C(0x00af9b000000ffff),
        [BOOT_DATA_SELECTOR / 8] = UINT64_C(0x00cf93000000ffff),
        [BOOT_TASK_SELECTOR / 8] = UINT64_C(0x008f8b000000ffff),
    };

    memcpy(memory->base + BOOT_GDT, gdt, sizeof gdt);
}

/* The first 4 GiB onto themselves, in pages of 2 MiB. */
static void write_page_tables(const struct memory *memory)
{
    const uint64_t present_writable = 3, large = 0x80, entries = 512;
    uint64_t *tables = (uint64_t *)(void *)(memory->base + BOOT_PAGE_TABLES);

    tables[0] = (BOOT_PAGE_TABLES + PAGE) | present_writable;
    for (uint64_t i = 0; i < 4; i++)
        tables[entries + i] = (BOOT_PAGE_TABLES + (2 + i) * PAGE) | present_writable;
    for (uint64_t i = 0; i < 4 * entries; i++)
        tables[2 * entries + i] = i << 21 | present_writable | large;
}

int boot_load(const struct memory *memory, const struct boot_files *files, const char *command_line,
              uint64_t rsdp, uint64_t *entry)
{
    struct boot_params params = { .acpi_rsdp_addr = rsdp };
    struct image kernel;

    if (look_at(&files->kernel, &kernel) < 0 || read_header(&kernel, &params) < 0 ||
        load_kernel(memory, &kernel, &params.hdr) < 0 ||
        load_initrd(memory, &files->initrd, &params.hdr) < 0 ||
        place_command_line(memory, command_line, &params.hdr) < 0)
        return -1;
    params.hdr.type_of_loader = LOADER_UNDEFINED;
    describe_memory(memory, &params);
    memcpy(memory->base + BOOT_PARAMS, &params, sizeof params);
    write_gdt(memory);
    write_page_tables(memory);
    *entry = params.hdr.pref_address + ENTRY_64;
    return 0;
}
