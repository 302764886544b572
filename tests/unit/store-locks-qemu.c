/* SPDX-License-Identifier: BSD-3-Clause */
/* store-locks-qemu.c - our locks and those of qemu-io keep each other out, and share, alike
 *
 * For each way to open an image, first we hold it and qemu-io tries, then the other way round.
 */

#include "store-scratch.h"

#include "base/error.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

struct use {
    const char *name;
    enum store_sharing sharing;
    uint32_t flags;
    const char *options[4]; /* of qemu-io for the same use */
};

static const struct use uses[] = {
    { "writer", STORE_LOCK_WRITER, 0, { "-f", "qcow2" } },
    { "reader", STORE_LOCK_READER, STORE_READ_ONLY, { "-f", "qcow2", "-r" } },
    { "forced", STORE_LOCK_FORCE_SHARE, STORE_READ_ONLY, { "-f", "qcow2", "-rU" } },
    { "raw writer", STORE_LOCK_RAW_WRITER, 0, { "-f", "raw" } },
    { "raw reader", STORE_LOCK_RAW_READER, STORE_READ_ONLY, { "-f", "raw", "-r" } },
};

#define USES (sizeof uses / sizeof uses[0])

/* Whether the second may open what the first holds. */
static const bool allowed[USES][USES] = {
    /* second:   writer reader forced raw-writer raw-reader */
    /* writer */ { false, false, true, false, true },
    /* reader */ { false, true, true, false, true },
    /* forced */ { true, true, true, true, true },
    /* raw-wr */ { false, false, true, true, true },
    /* raw-rd */ { true, true, true, true, true },
};

struct program {
    pid_t pid;
    int input;  /* closed, it ends */
    int output; /* says something once the image is open, and ends if it cannot be opened */
};

static void become_qemu_io(const struct use *use, int input, int output)
{
    char *argv[8];
    int argc = 0;

    argv[argc++] = (char *)(uintptr_t) "qemu-io";
    for (size_t i = 0; i < sizeof use->options / sizeof use->options[0] && use->options[i]; i++)
        argv[argc++] = (char *)(uintptr_t)use->options[i];
    argv[argc++] = (char *)(uintptr_t) "disk";
    argv[argc] = NULL;
    dup2(input, 0);
    dup2(output, 1);
    execvp("qemu-io", argv);
    _exit(127);
}

/* Returns whether it could open the image, which it then holds until qemu_io_end. */
static bool qemu_io_start(struct program *program, const struct use *use)
{
    int input[2], output[2];
    char prompt;

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0)
        become_qemu_io(use, input[0], output[1]);
    close(input[0]);
    close(output[1]);
    program->input = input[1];
    program->output = output[0];
    return read(program->output, &prompt, 1) == 1;
}

static void qemu_io_end(struct program *program)
{
    close(program->input);
    close(program->output);
    waitpid(program->pid, NULL, 0);
}

static void they_come_second(void **state)
{
    (void)state;
    for (size_t first = 0; first < USES; first++) {
        struct store *store = store_file_open("disk", uses[first].flags, uses[first].sharing);

        assert_non_null(store);
        for (size_t second = 0; second < USES; second++) {
            struct program program;
            bool opened = qemu_io_start(&program, &uses[second]);

            qemu_io_end(&program);
            if (opened != allowed[first][second])
                fail_msg("with us as %s, qemu-io as %s %s", uses[first].name, uses[second].name,
                         opened ? "went ahead" : "was refused");
        }
        store_close(store);
    }
}

static void check_second(const struct program *program, const struct use *first,
                         const struct use *second, bool expected)
{
    struct store *store = store_file_open("disk", second->flags, second->sharing);
    char holder[64];

    if ((store != NULL) != expected)
        fail_msg("with qemu-io as %s, we as %s %s", first->name, second->name,
                 store ? "went ahead" : "were refused");
    if (!store) {
        snprintf(holder, sizeof holder, "(held by qemu-io, pid %d)", (int)program->pid);
        assert_non_null(strstr(error_message(), holder));
    }
    store_close(store);
}

static void we_come_second(void **state)
{
    (void)state;
    for (size_t first = 0; first < USES; first++) {
        struct program program;

        assert_true(qemu_io_start(&program, &uses[first]));
        for (size_t second = 0; second < USES; second++)
            check_second(&program, &uses[first], &uses[second], allowed[first][second]);
        qemu_io_end(&program);
    }
}

static int setup(void **state)
{
    return scratch_setup(state) == 0 ? system("qemu-img create -q -f qcow2 disk 1M") : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_come_second),
        cmocka_unit_test(we_come_second),
    };

    if (system("qemu-io --version > /dev/null 2>&1") != 0) {
        printf("skipped: qemu-io was not found\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
