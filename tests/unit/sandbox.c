/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox.c - what a process cannot do any more in the sandbox, each tried in a process of its
 * own */

#include "store-scratch.h"
#include "under-valgrind.h"

#include "calls.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Something a process tries: 0 when that went well, else an errno value. */
typedef int attempt(void);

static int as_errno(long result)
{
    return result < 0 ? errno : 0;
}

static int enter(enum sandbox_role role, const struct sandbox_limits *limits)
{
    struct sandbox sandbox;

    sandbox_begin(&sandbox, role);
    if (sandbox_add_file(&sandbox, "named", false) || sandbox_add_file(&sandbox, "target", true))
        return -1;
    return sandbox_enter(&sandbox, limits);
}

/* The status of a process that tried it inside: as waitpid() tells it. */
static int status_inside(enum sandbox_role role, struct sandbox_limits limits, attempt *try)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(enter(role, &limits) ? 255 : try());
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void expect(enum sandbox_role role, attempt *try, int errnum)
{
    int status = status_inside(role, (struct sandbox_limits){ 0 }, try);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), errnum);
}

/* By seccomp, or by Landlock where a build that counts lines must open the files of its counts. */
static void expect_refusal_inside(enum sandbox_role role, attempt *try)
{
    int status = status_inside(role, (struct sandbox_limits){ 0 }, try);

    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == ENOSYS || WEXITSTATUS(status) == EACCES);
}

static int make_files(void **state)
{
    static const char *const names[] = { "named", "target", "other" };

    if (scratch_setup(state))
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        close(open(names[i], O_CREAT | O_WRONLY, 0644));
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Files
 */

static bool has_landlock(void)
{
    struct sandbox sandbox;
    bool has;

    sandbox_begin(&sandbox, SANDBOX_TOOL);
    has = sandbox.ruleset >= 0;
    sandbox_end(&sandbox);
    return has;
}

static int read_named(void)
{
    return as_errno(open("named", O_RDONLY));
}

static int write_named(void)
{
    return as_errno(open("named", O_RDWR));
}

static int write_target(void)
{
    return as_errno(open("target", O_RDWR | O_TRUNC));
}

static int read_other(void)
{
    return as_errno(open("other", O_RDONLY));
}

static int read_passwords(void)
{
    return as_errno(open("/etc/passwd", O_RDONLY));
}

static int make_another(void)
{
    return as_errno(open("another", O_CREAT | O_WRONLY, 0644));
}

static int remove_named(void)
{
    return as_errno(unlink("named"));
}

static int remove_named_from_folder(void)
{
    return as_errno(unlinkat(AT_FDCWD, "named", 0));
}

static int remove_folder(void)
{
    return as_errno(rmdir("folder"));
}

static int rename_named(void)
{
    return as_errno(rename("named", "renamed"));
}

static int list_folder(void)
{
    return as_errno(open(".", O_RDONLY | O_DIRECTORY));
}

static void test_files(void **state)
{
    (void)state;
    expect(SANDBOX_TOOL, read_named, 0);
    expect(SANDBOX_TOOL, write_target, 0);
    if (!has_landlock())
        skip();
    expect(SANDBOX_TOOL, write_named, EACCES);
    expect(SANDBOX_TOOL, read_other, EACCES);
    expect(SANDBOX_TOOL, read_passwords, EACCES);
    expect(SANDBOX_TOOL, make_another, EACCES);
    expect(SANDBOX_TOOL, remove_named, EACCES);
    expect(SANDBOX_TOOL, list_folder, EACCES);
    expect(SANDBOX_SERVER, read_other, EACCES);
}

/* With every file it needs open it can open none, and neither make nor remove one. */
static void test_files_of_a_machine(void **state)
{
    static attempt *const forbidden[] = {
        read_other,    read_passwords, make_another, remove_named, remove_named_from_folder,
        remove_folder, rename_named,
    };

    (void)state;
    assert_int_equal(mkdir("folder", 0755), 0);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0] && calls_restrictable(); i++)
        expect_refusal_inside(SANDBOX_MACHINE, forbidden[i]);
    assert_int_equal(rmdir("folder"), 0);
    assert_int_equal(access("named", F_OK), 0);
}

/* The name is that of another file by now. */
static void test_replaced_file(void **state)
{
    struct sandbox sandbox;
    pid_t child;
    int status;

    (void)state;
    if (!has_landlock())
        skip();
    sandbox_begin(&sandbox, SANDBOX_TOOL);
    assert_int_equal(sandbox_add_file(&sandbox, "named", false), 0);
    assert_int_equal(rename("named", "moved"), 0);
    assert_int_equal(symlink("/etc/passwd", "named"), 0);
    child = fork();
    if (child == 0)
        _exit(sandbox_enter(&sandbox, &(struct sandbox_limits){ 0 }) ? 255 : read_named());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), EACCES);
    sandbox_end(&sandbox);
    assert_int_equal(unlink("named"), 0);
    assert_int_equal(rename("moved", "named"), 0);
}

static void expect_refusal(const char *path, int errnum, const char *sentence)
{
    struct sandbox sandbox;

    sandbox_begin(&sandbox, SANDBOX_TOOL);
    assert_int_equal(sandbox_add_file(&sandbox, path, false), -1);
    assert_int_equal(errno, errnum);
    assert_string_equal(sandbox.error, sentence);
    sandbox_end(&sandbox);
}

static void test_kinds_of_files(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("fifo", 0644), 0);
    assert_int_equal(symlink("named", "link"), 0);
    expect_refusal("fifo", EINVAL, "'fifo' is not a regular file");
    expect_refusal("/dev/zero", EINVAL, "'/dev/zero' is not a regular file");
    expect_refusal(".", EINVAL, "'.' is not a regular file");
    expect_refusal("link", ELOOP, "'link' is a symbolic link: name the file itself");
    expect_refusal("missing", ENOENT, "'missing': No such file or directory");
    unlink("fifo");
    unlink("link");
}

/* ------------------------------------------------------------------------------------------------
 * System calls
 */

static int start_program(void)
{
    char *words[] = { (char *)"true", NULL };

    return as_errno(execv("/bin/true", words));
}

static int fork_process(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    return as_errno(child);
}

static int make_socket(void)
{
    return as_errno(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int trace_parent(void)
{
    return as_errno(syscall(SYS_ptrace, 16, getppid(), 0, 0)); /* PTRACE_ATTACH */
}

static int kill_parent(void)
{
    return as_errno(kill(getppid(), SIGTERM));
}

static int queue_signal_for_parent(void)
{
    siginfo_t info = { .si_signo = SIGTERM, .si_code = SI_QUEUE };

    return as_errno(syscall(SYS_rt_sigqueueinfo, getppid(), SIGTERM, &info));
}

static int kill_thread_of_parent(void)
{
    return as_errno(syscall(SYS_tgkill, getppid(), getppid(), SIGTERM));
}

/* The kernel would send it, at the next event of the descriptor. */
static int have_parent_signalled(void)
{
    return as_errno(fcntl(STDERR_FILENO, F_SETOWN, getppid()));
}

static int choose_signal(void)
{
    return as_errno(fcntl(STDERR_FILENO, F_SETSIG, SIGTERM));
}

/* The shell that the terminal belongs to would run it. */
static int type_into_terminal(void)
{
    return as_errno(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int make_code(void)
{
    void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? errno : 0;
}

static int turn_into_code(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? 255 : as_errno(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static void *return_it(void *opaque)
{
    return opaque;
}

static int use_threads(void)
{
    pthread_t thread;
    int errnum = pthread_create(&thread, NULL, return_it, NULL);

    return errnum ? errnum : pthread_join(thread, NULL);
}

static void test_calls(void **state)
{
    static const enum sandbox_role roles[] = { SANDBOX_TOOL, SANDBOX_SERVER, SANDBOX_MACHINE };
    static attempt *const forbidden[] = {
        start_program,
        fork_process,
        make_socket,
        trace_parent,
        kill_parent,
        queue_signal_for_parent,
        kill_thread_of_parent,
        have_parent_signalled,
        choose_signal,
        type_into_terminal,
        make_code,
        turn_into_code,
    };

    (void)state;
    if (!calls_restrictable())
        skip();
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        expect(roles[i], use_threads, 0);
        for (size_t j = 0; j < sizeof forbidden / sizeof forbidden[0]; j++)
            expect(roles[i], forbidden[j], ENOSYS);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Limits
 */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LIMITED_MEMORY /* which ends a sanitizer's runtime */
static int take_memory(void)
{
    void *memory = malloc(256 << 20);

    return memory ? 0 : errno;
}
#endif

static int write_far(void)
{
    int fd = open("target", O_RDWR);

    signal(SIGXFSZ, SIG_IGN);
    return fd < 0 ? 255 : as_errno(pwrite(fd, "x", 1, 2 << 20));
}

static int open_many(void)
{
    for (int i = 0; i < 100; i++)
        if (open("named", O_RDONLY) < 0)
            return errno;
    return 0;
}

static int go_on_for_ever(void)
{
    volatile unsigned long turns = 0;

    while (turns < ULONG_MAX)
        turns++;
    return 0;
}

static void expect_limit(struct sandbox_limits limits, attempt *try, int errnum)
{
    int status = status_inside(SANDBOX_TOOL, limits, try);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), errnum);
    expect(SANDBOX_TOOL, try, 0);
}

static void test_limits(void **state)
{
    int status;

    (void)state;
#ifdef LIMITED_MEMORY
    expect_limit((struct sandbox_limits){ .memory = 64 << 20 }, take_memory, ENOMEM);
#endif
    expect_limit((struct sandbox_limits){ .file_length = 1 << 20 }, write_far, EFBIG);
    expect_limit((struct sandbox_limits){ .descriptors = 20 }, open_many, EMFILE);
    status = status_inside(SANDBOX_TOOL, (struct sandbox_limits){ .seconds = 1 }, go_on_for_ever);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXCPU);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),         cmocka_unit_test(test_files_of_a_machine),
        cmocka_unit_test(test_replaced_file), cmocka_unit_test(test_kinds_of_files),
        cmocka_unit_test(test_calls),         cmocka_unit_test(test_limits),
    };

    if (under_valgrind()) {
        puts("skipped: valgrind knows neither Landlock nor seccomp");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_files, scratch_teardown);
}
