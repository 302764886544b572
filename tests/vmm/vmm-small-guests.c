/* SPDX-License-Identifier: BSD-3-Clause */
/* vmm-small-guests.c - qcow-vmm itself, with guests of a few instructions
 *
 * It takes a /dev/kvm, but none that can run an unmodified kernel: a guest here says something,
 * does one thing and ends.  Each starts as Linux would, in 64-bit mode with the first 4 GiB mapped.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <asm/bootparam.h>
#include <cmocka.h>
#include <dirent.h>

#include "../../vmm-glue/kvm.h"
#include "../../vmm-glue/power.h"

#define SETUP_SECTORS 4
#define SETUP_SIZE ((SETUP_SECTORS + 1) * 512)
#define ENTRY (SETUP_SIZE + 0x200)
#define SERIAL 0x3f8
#define KEYBOARD 0x64
#define NOBODYS_PORT 0x5000
#define NOBODYS_ADDRESS 0xd8000000
#define PATIENCE 60 /* seconds */

static char folder[] = "/tmp/vmm-guests-XXXXXX";

/* ------------------------------------------------------------------------------------------------
 * Guests
 */

struct guest {
    uint8_t code[1024];
    size_t count;
};

static void put(struct guest *guest, const void *bytes, size_t count)
{
    assert_true(guest->count + count <= sizeof guest->code);
    memcpy(guest->code + guest->count, bytes, count);
    guest->count += count;
}

#define PUT(guest, ...) \
    put(guest, (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }))

static void choose_port(struct guest *guest, uint16_t port)
{
    PUT(guest, 0x66, 0xba, port & 0xff, port >> 8); /* mov dx, port */
}

static void write_port(struct guest *guest, uint16_t port, uint8_t value)
{
    choose_port(guest, port);
    PUT(guest, 0xb0, value, 0xee); /* mov al, value; out dx, al */
}

static void say(struct guest *guest, const char *text)
{
    while (*text)
        write_port(guest, SERIAL, (uint8_t)*text++);
}

/* What is in AL, as it is. */
static void say_al(struct guest *guest)
{
    choose_port(guest, SERIAL);
    PUT(guest, 0xee); /* out dx, al */
}

static void switch_off(struct guest *guest)
{
    uint16_t value = POWER_SLEEP_S5 << 10 | 1 << 13;

    choose_port(guest, POWER_PM1_CONTROL);
    PUT(guest, 0x66, 0xb8, value & 0xff, value >> 8, 0x66, 0xef); /* mov ax, value; out dx, ax */
    PUT(guest, 0xeb, 0xfe);                                       /* jmp itself */
}

static void go_on_for_ever(struct guest *guest)
{
    PUT(guest, 0xeb, 0xfe);
}

static void choose_address(struct guest *guest, uint32_t address)
{
    PUT(guest, 0xb8, address & 0xff, address >> 8 & 0xff, address >> 16 & 0xff, address >> 24);
}

static void write_kernel(const struct guest *guest)
{
    static uint8_t image[ENTRY + sizeof guest->code];
    struct setup_header *header = (struct setup_header *)(image + 0x1f1);
    int fd = open("kernel", O_WRONLY | O_CREAT | O_TRUNC, 0600);

    memset(image, 0, sizeof image);
    *header = (struct setup_header){
        .setup_sects = SETUP_SECTORS,
        .boot_flag = 0xaa55,
        .jump = 0x6aeb,
        .header = 0x53726448,
        .version = 0x20f,
        .xloadflags = XLF_KERNEL_64,
        .pref_address = 0x1000000,
        .init_size = 0x100000,
        .initrd_addr_max = 0x7fffffff,
        .cmdline_size = 2047,
    };
    memcpy(image + ENTRY, guest->code, guest->count);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image, sizeof image), sizeof image);
    close(fd);
}

/* ------------------------------------------------------------------------------------------------
 * Machines
 */

struct machine {
    pid_t pid;
    int input;            /* what is typed */
    char output[1 << 16]; /* of the guest */
    char said[1 << 12];   /* by qcow-vmm */
};

static void read_text(const char *name, char *text, size_t size)
{
    int fd = open(name, O_RDONLY);
    ssize_t count = fd >= 0 ? read(fd, text, size - 1) : -1;

    assert_true(count >= 0);
    text[count] = '\0';
    close(fd);
}

/* Leaks are sought by a process that the confined one would have to start, which it cannot. */
static void seek_no_leaks(void)
{
    const char *options = getenv("ASAN_OPTIONS");
    char text[512];

    snprintf(text, sizeof text, "%s:detect_leaks=0", options ? options : "");
    setenv("ASAN_OPTIONS", text, 1);
}

static void become(const char *const *words, int input)
{
    const char *argv[16] = { "qcow-vmm", "-kernel", "kernel", "-m", "64M" };
    unsigned count = 5;

    while (*words)
        argv[count++] = *words++;
    dup2(input, STDIN_FILENO);
    dup2(open("output", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600), STDOUT_FILENO);
    dup2(open("said", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600), STDERR_FILENO);
    seek_no_leaks();
    alarm(PATIENCE);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void start(struct machine *machine, const struct guest *guest, const char *const *words)
{
    int input[2];

    write_kernel(guest);
    unlink("output");
    unlink("said");
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    machine->pid = fork();
    if (machine->pid == 0)
        become(words, input[0]);
    assert_true(machine->pid > 0);
    close(input[0]);
    machine->input = input[1];
}

/* Where the processor has no virtualization, and where the kernel has no full sandbox, each start
 * says so. */
static void forget_warnings(char *said)
{
    static const char warning[] = "qcow-vmm: warning: ";

    while (strncmp(said, warning, strlen(warning)) == 0) {
        char *next = strchr(said, '\n') + 1;
        memmove(said, next, strlen(next) + 1);
    }
}

/* Its exit status. */
static int finish(struct machine *machine)
{
    int status;

    assert_int_equal(waitpid(machine->pid, &status, 0), machine->pid);
    close(machine->input);
    read_text("output", machine->output, sizeof machine->output);
    read_text("said", machine->said, sizeof machine->said);
    forget_warnings(machine->said);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run(struct machine *machine, const struct guest *guest, const char *const *words)
{
    start(machine, guest, words);
    return finish(machine);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void assert_said(const struct machine *machine, const char *part)
{
    if (!strstr(machine->said, part))
        fail_msg("\"%s\" is not in \"%s\"", part, machine->said);
}

static void await_output(struct machine *machine, const char *text)
{
    for (unsigned i = 0; i < PATIENCE * 100; i++) {
        if (access("output", R_OK) == 0)
            read_text("output", machine->output, sizeof machine->output);
        if (strstr(machine->output, text))
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    fail_msg("the guest did not say \"%s\"", text);
}

/* ------------------------------------------------------------------------------------------------
 * Tests
 */

static void guest_switches_off(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    say(&guest, "here\n");
    switch_off(&guest);
    assert_int_equal(run(&machine, &guest, WORDS()), 0);
    assert_string_equal(machine.output, "here\n");
    assert_string_equal(machine.said, "");
    assert_int_equal(run(&machine, &guest, WORDS("-smp", "4", "-append", "words")), 0);
    assert_string_equal(machine.said, "");
}

static void reset_ends_it_where_that_is_wanted(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    say(&guest, "here\n");
    write_port(&guest, KEYBOARD, 0xfe);
    go_on_for_ever(&guest);
    assert_int_equal(run(&machine, &guest, WORDS("-no-reboot")), 0);
    assert_string_equal(machine.output, "here\n");
}

/* The kernel is loaded again, by a process that could not open it; the register is ACPI's. */
static void reset_starts_a_new_machine(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    say(&guest, "here\n");
    write_port(&guest, POWER_RESET, POWER_RESET_VALUE);
    go_on_for_ever(&guest);
    start(&machine, &guest, WORDS("--initrd", "kernel"));
    await_output(&machine, "here\nhere\nhere\n");
    kill(machine.pid, SIGTERM);
    assert_int_equal(finish(&machine), 1);
    assert_said(&machine, "qcow-vmm: stopped by a signal: Terminated\n");
}

static void console_quits(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    say(&guest, "here\n");
    go_on_for_ever(&guest);
    start(&machine, &guest, WORDS());
    await_output(&machine, "here\n");
    assert_int_equal(write(machine.input, "ab\001x", 4), 4);
    assert_int_equal(finish(&machine), 1);
    assert_said(&machine, "qcow-vmm: stopped from the console\n");
}

static void guest_that_falls_is_told_of(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    PUT(&guest, 0x0f, 0x0b); /* ud2, and there is no table of handlers */
    assert_int_equal(run(&machine, &guest, WORDS()), 1);
    assert_said(&machine, "qcow-vmm: the guest's vCPU 0 ended in a triple fault\n");
}

static void guest_that_runs_away_is_told_of(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    choose_address(&guest, NOBODYS_ADDRESS);
    PUT(&guest, 0xff, 0xe0); /* jmp rax */
    assert_int_equal(run(&machine, &guest, WORDS()), 1);
    assert_said(&machine, "qcow-vmm: KVM stopped vCPU 0 ");
    assert_said(&machine, "RIP 0xd8000000");
}

static void nobody_answers_with_all_ones(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    write_port(&guest, NOBODYS_PORT, 1);
    choose_port(&guest, NOBODYS_PORT);
    PUT(&guest, 0xec); /* in al, dx */
    say_al(&guest);
    choose_port(&guest, 0xffff);
    PUT(&guest, 0xed); /* in eax, dx, beyond the last port */
    say_al(&guest);
    choose_address(&guest, NOBODYS_ADDRESS);
    PUT(&guest, 0xc7, 0x00, 1, 2, 3, 4); /* mov dword [rax], 0x04030201 */
    PUT(&guest, 0x48, 0x8b, 0x00);       /* mov rax, [rax] */
    say_al(&guest);
    switch_off(&guest);
    assert_int_equal(run(&machine, &guest, WORDS()), 0);
    assert_string_equal(machine.output, "\xff\xff\xff");
}

static void assert_confined(const char *status_name)
{
    char text[8192];

    read_text(status_name, text, sizeof text);
    assert_non_null(strstr(text, "NoNewPrivs:\t1\n"));
    assert_non_null(strstr(text, "Seccomp:\t2\n"));
}

static unsigned assert_threads_confined(pid_t pid)
{
    char name[512], threads[64];
    DIR *list;
    const struct dirent *entry;
    unsigned count = 0;

    snprintf(threads, sizeof threads, "/proc/%d/task", (int)pid);
    list = opendir(threads);
    assert_non_null(list);
    while ((entry = readdir(list))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s/status", threads, entry->d_name);
        assert_confined(name);
        count++;
    }
    closedir(list);
    return count;
}

/* The image can be locked again: the server has ended, though nobody could send it a signal. */
static void guests_run_in_a_sandbox(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    assert_int_equal(system("qcow-img create -q -f qcow2 disk.qcow2 16M"), 0);
    say(&guest, "here\n");
    go_on_for_ever(&guest);
    start(&machine, &guest, WORDS("-smp", "2", "--disk", "disk.qcow2"));
    await_output(&machine, "here\n");
    assert_true(assert_threads_confined(machine.pid) >= 4); /* main, vCPUs, connections */
    assert_int_not_equal(system("qcow-img resize -q disk.qcow2 32M 2>/dev/null"), 0);
    kill(machine.pid, SIGINT);
    assert_int_equal(finish(&machine), 1);
    assert_said(&machine, "stopped by a signal: Interrupt");
    assert_int_equal(system("qcow-img resize -q disk.qcow2 32M"), 0);
}

static void what_cannot_start_is_told_of(void **state)
{
    struct guest guest = { 0 };
    struct machine machine = { 0 };

    (void)state;
    go_on_for_ever(&guest);
    assert_int_equal(run(&machine, &guest, WORDS("--initrd", "missing")), 1);
    assert_string_equal(machine.said, "qcow-vmm: cannot open missing: No such file or directory\n");
    assert_int_equal(run(&machine, &guest, WORDS("--disk", "disk\n.qcow2,format=")), 1);
    assert_said(&machine, "qcow-vmm: cannot open disk disk?.qcow2: ");
    assert_int_equal(run(&machine, &guest, WORDS("--initrd", "/dev/null")), 1);
    assert_string_equal(machine.said,
                        "qcow-vmm: cannot load /dev/null: it is not a regular file\n");
    assert_int_equal(run(&machine, &guest, WORDS("--disk", "missing", "--kernel", "none")), 1);
    assert_string_equal(machine.said, "qcow-vmm: cannot open none: No such file or directory\n");
    assert_int_equal(run(&machine, &guest, WORDS("--disk", "missing", "--kernel", ".")), 1);
    assert_string_equal(machine.said, "qcow-vmm: cannot load .: it is not a regular file\n");
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = { "kernel", "output", "said", "disk.qcow2" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unlink(names[i]);
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_switches_off),
        cmocka_unit_test(reset_ends_it_where_that_is_wanted),
        cmocka_unit_test(reset_starts_a_new_machine),
        cmocka_unit_test(console_quits),
        cmocka_unit_test(guest_that_falls_is_told_of),
        cmocka_unit_test(guest_that_runs_away_is_told_of),
        cmocka_unit_test(nobody_answers_with_all_ones),
        cmocka_unit_test(guests_run_in_a_sandbox),
        cmocka_unit_test(what_cannot_start_is_told_of),
    };
    int kvm = kvm_open();

    if (kvm < 0) {
        puts("skipped: qcow-vmm needs /dev/kvm");
        return 77;
    }
    close(kvm);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
