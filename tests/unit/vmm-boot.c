/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-boot.c - a kernel is put where it wants to be, or refused with the reason */

#include "vmm-scratch.h"

#include <asm/bootparam.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../vmm-glue/boot.h"

#define RAM_SIZE (UINT64_C(64) << 20)
#define SETUP_SECTORS 4
#define SETUP_SIZE ((SETUP_SECTORS + 1) * 512)
#define KERNEL_SIZE 0x5000
#define PREFERRED 0x1000000
#define RSDP 0xe0000

static char folder[] = "/tmp/vmm-boot-XXXXXX";
static struct memory memory;
static uint8_t image[SETUP_SIZE + KERNEL_SIZE];
static struct setup_header *const header = (struct setup_header *)(image + 0x1f1);
static uint64_t entry;

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink("kernel");
    unlink("initrd");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* A sound image, for the tests to damage. */
static int set_up(void **state)
{
    (void)state;
    memset(image, 0, sizeof image);
    for (size_t i = 0; i < KERNEL_SIZE; i++)
        image[SETUP_SIZE + i] = (uint8_t)(i * 7 + 1);
    image[0x201] = 0x6a;
    *header = (struct setup_header){
        .setup_sects = SETUP_SECTORS,
        .boot_flag = 0xaa55,
        .jump = 0x6aeb,
        .header = 0x53726448,
        .version = 0x20f,
        .xloadflags = XLF_KERNEL_64,
        .pref_address = PREFERRED,
        .init_size = 0x100000,
        .initrd_addr_max = 0x7fffffff,
        .cmdline_size = 2047,
    };
    return memory_init(&memory, RAM_SIZE);
}

static int tear_down(void **state)
{
    (void)state;
    memory_free(&memory);
    return 0;
}

static void write_file(const char *name, const void *bytes, size_t count, off_t size)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), count);
    assert_int_equal(ftruncate(fd, size), 0);
    close(fd);
}

static int load_from(const char *kernel, const char *initrd, const char *command_line)
{
    struct boot_files files;
    int result = boot_files_open(&files, kernel, initrd);

    if (result == 0)
        result = boot_load(&memory, &files, command_line, RSDP, &entry);
    boot_files_close(&files);
    return result;
}

static int load(const char *initrd, const char *command_line)
{
    write_file("kernel", image, sizeof image, sizeof image);
    return load_from("kernel", initrd, command_line);
}

static const struct boot_params *params(void)
{
    return (const struct boot_params *)(memory.base + BOOT_PARAMS);
}

static void everything_is_in_its_place(void **state)
{
    (void)state;
    write_file("initrd", "initrd", 6, 5000);
    assert_int_equal(load("initrd", "console=ttyS0"), 0);
    assert_int_equal(entry, PREFERRED + 0x200);
    assert_memory_equal(memory.base + PREFERRED, image + SETUP_SIZE, KERNEL_SIZE);
    assert_string_equal(memory.base + params()->hdr.cmd_line_ptr, "console=ttyS0");
    assert_int_equal(params()->hdr.ramdisk_size, 5000);
    assert_int_equal(params()->hdr.ramdisk_image, RAM_SIZE - 8192);
    assert_memory_equal(memory.base + params()->hdr.ramdisk_image, "initrd", 6);
    assert_int_equal(params()->hdr.type_of_loader, 0xff);
    assert_int_equal(params()->acpi_rsdp_addr, RSDP);
    assert_int_equal(params()->e820_entries, 3);
    assert_int_equal(params()->e820_table[2].addr, 0x100000);
    assert_int_equal(params()->e820_table[2].size, RAM_SIZE - 0x100000);
}

static void initrd_stays_below_its_limit(void **state)
{
    (void)state;
    write_file("initrd", "initrd", 6, 6);
    header->initrd_addr_max = 0x2ffffff;
    assert_int_equal(load("initrd", ""), 0);
    assert_int_equal(params()->hdr.ramdisk_image, 0x2fff000);
}

static void assert_refused(const char *initrd, const char *command_line, const char *why)
{
    last_report[0] = '\0';
    assert_int_equal(load(initrd, command_line), -1);
    assert_reported(why);
}

static void not_a_bzimage(void **state)
{
    (void)state;
    header->header = 0x12345678;
    assert_refused(NULL, "", "kernel is not a bzImage");
    header->header = 0x53726448;
    header->boot_flag = 0;
    assert_refused(NULL, "", "kernel is not a bzImage");
}

static void too_short_for_a_header(void **state)
{
    (void)state;
    write_file("kernel", "MZ", 2, 1023);
    assert_int_equal(load_from("kernel", NULL, ""), -1);
    assert_reported("it has only 1023 bytes");
}

static void kernel_without_64_bit_entry(void **state)
{
    (void)state;
    header->xloadflags = 0;
    assert_refused(NULL, "", "no 64-bit entry");
    header->xloadflags = XLF_KERNEL_64;
    header->version = 0x20b;
    assert_refused(NULL, "", "boot protocol is 2.11");
}

static void setup_beyond_the_file(void **state)
{
    (void)state;
    header->setup_sects = 200;
    assert_refused(NULL, "", "cut short");
}

static void kernel_that_does_not_fit(void **state)
{
    (void)state;
    header->init_size = RAM_SIZE;
    assert_refused(NULL, "", "kernel kernel does not fit");
    header->init_size = 0x100000;
    header->pref_address = UINT64_MAX - 0xfff;
    assert_refused(NULL, "", "does not fit");
    header->pref_address = 0x1000;
    assert_refused(NULL, "", "does not fit");
}

static void initrd_that_does_not_fit(void **state)
{
    (void)state;
    write_file("initrd", "", 0, 48 << 20);
    assert_refused("initrd", "", "initrd initrd does not fit: it has 50331648 bytes");
    write_file("initrd", "", 0, 4096);
    header->initrd_addr_max = PREFERRED;
    assert_refused("initrd", "", "does not fit");
    header->initrd_addr_max = 0;
    assert_refused("initrd", "", "does not fit");
}

static void command_line_that_is_too_long(void **state)
{
    static char line[1 << 20];

    (void)state;
    memset(line, 'x', sizeof line - 1);
    line[2048] = '\0';
    assert_refused(NULL, line, "has 2048 bytes, this kernel takes at most 2047");
    line[2048] = 'x';
    header->cmdline_size = UINT32_MAX;
    assert_refused(NULL, line, "are possible");
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    assert_int_equal(load_from("missing", NULL, ""), -1);
    assert_reported("cannot open missing: No such file");
    assert_int_equal(load_from(".", NULL, ""), -1);
    assert_reported("not a regular file");
    assert_refused("nothing", "", "cannot open nothing");
    assert_refused(".", "", "cannot load .: it is not a regular file");
}

/* What a reset does: the names may mean nothing by then, and the kernel may be another. */
static void files_are_loaded_again_and_again(void **state)
{
    struct boot_files files;

    (void)state;
    write_file("kernel", image, sizeof image, sizeof image);
    write_file("initrd", "initrd", 6, 6);
    assert_int_equal(boot_files_open(&files, "kernel", "initrd"), 0);
    assert_int_equal(boot_load(&memory, &files, "first", RSDP, &entry), 0);
    image[SETUP_SIZE] ^= 1;
    write_file("kernel", image, sizeof image, sizeof image);
    unlink("kernel");
    unlink("initrd");
    tear_down(state);
    assert_int_equal(memory_init(&memory, RAM_SIZE), 0);
    assert_int_equal(boot_load(&memory, &files, "second", RSDP, &entry), 0);
    assert_memory_equal(memory.base + PREFERRED, image + SETUP_SIZE, KERNEL_SIZE);
    assert_memory_equal(memory.base + params()->hdr.ramdisk_image, "initrd", 6);
    assert_string_equal(memory.base + params()->hdr.cmd_line_ptr, "second");
    boot_files_close(&files);
}

/* No header, however wrong, makes the loader write outside of RAM. */
static void random_headers(void **state)
{
    (void)state;
    write_file("initrd", "initrd", 6, 100);
    srandom(11);
    for (unsigned round = 0; round < 2000; round++) {
        tear_down(state);
        set_up(state);
        for (unsigned i = 0; i < 4; i++)
            ((uint8_t *)header)[random() % (long)sizeof *header] = (uint8_t)random();
        header->boot_flag = 0xaa55;
        header->header = 0x53726448;
        load("initrd", "x");
    }
}

#define BOOT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOOT_TEST(everything_is_in_its_place),
        BOOT_TEST(initrd_stays_below_its_limit),
        BOOT_TEST(not_a_bzimage),
        BOOT_TEST(too_short_for_a_header),
        BOOT_TEST(kernel_without_64_bit_entry),
        BOOT_TEST(setup_beyond_the_file),
        BOOT_TEST(kernel_that_does_not_fit),
        BOOT_TEST(initrd_that_does_not_fit),
        BOOT_TEST(command_line_that_is_too_long),
        BOOT_TEST(files_that_cannot_be_read),
        BOOT_TEST(files_are_loaded_again_and_again),
        BOOT_TEST(random_headers),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
