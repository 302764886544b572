/* SPDX-License-Identifier: BSD-3-Clause */
/* store-locks.c - who may open a file together, one line for each pair of uses */

#include "store-scratch.h"

#include "base/error.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct store *open_as(enum store_sharing sharing)
{
    bool writes = sharing == STORE_LOCK_WRITER || sharing == STORE_LOCK_RAW_WRITER;

    return store_file_open("disk", writes ? 0 : STORE_READ_ONLY, sharing);
}

static void expect(enum store_sharing first, enum store_sharing second, const char *refusal)
{
    struct store *a = open_as(first), *b;

    assert_non_null(a);
    b = open_as(second);
    if (!refusal) {
        assert_non_null(b);
    } else {
        assert_null(b);
        assert_int_equal(error_errno(), EBUSY);
        assert_memory_equal(error_message(), refusal, strlen(refusal));
    }
    store_close(b);
    store_close(a);

    /* Whatever happened, all locks are gone. */
    b = open_as(STORE_LOCK_WRITER);
    assert_non_null(b);
    store_close(b);
}

#define HINT "\nIs another process using the image [disk]?"

static const char no_write[] = "Failed to get \"write\" lock" HINT;
static const char no_shared_write[] = "Failed to get shared \"write\" lock" HINT;

static void readers_share(void **state)
{
    (void)state;
    expect(STORE_LOCK_READER, STORE_LOCK_READER, NULL);
    expect(STORE_LOCK_READER, STORE_LOCK_FORCE_SHARE, NULL);
    expect(STORE_LOCK_READER, STORE_LOCK_RAW_READER, NULL);
    expect(STORE_LOCK_RAW_READER, STORE_LOCK_READER, NULL);
}

static void a_writer_is_alone(void **state)
{
    (void)state;
    expect(STORE_LOCK_WRITER, STORE_LOCK_WRITER, no_write);
    expect(STORE_LOCK_WRITER, STORE_LOCK_READER, no_shared_write);
    expect(STORE_LOCK_READER, STORE_LOCK_WRITER, no_write);
    expect(STORE_LOCK_WRITER, STORE_LOCK_RAW_WRITER, no_write);
    expect(STORE_LOCK_RAW_WRITER, STORE_LOCK_WRITER, no_shared_write);
}

static void a_raw_writer_shares_with_its_kind(void **state)
{
    (void)state;
    expect(STORE_LOCK_RAW_WRITER, STORE_LOCK_RAW_WRITER, NULL);
    expect(STORE_LOCK_RAW_WRITER, STORE_LOCK_RAW_READER, NULL);
    expect(STORE_LOCK_RAW_WRITER, STORE_LOCK_READER, no_shared_write);
    expect(STORE_LOCK_READER, STORE_LOCK_RAW_WRITER, no_write);
}

static void force_share_and_none_bear_everything(void **state)
{
    (void)state;
    expect(STORE_LOCK_WRITER, STORE_LOCK_FORCE_SHARE, NULL);
    expect(STORE_LOCK_FORCE_SHARE, STORE_LOCK_WRITER, NULL);
    expect(STORE_LOCK_WRITER, STORE_LOCK_RAW_READER, NULL);
    expect(STORE_LOCK_WRITER, STORE_LOCK_NONE, NULL);
    expect(STORE_LOCK_NONE, STORE_LOCK_WRITER, NULL);
}

static void a_file_in_use_is_not_emptied(void **state)
{
    static const enum store_sharing users[] = { STORE_LOCK_READER, STORE_LOCK_WRITER };
    uint64_t size;

    (void)state;
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        struct store *user = open_as(users[i]);

        assert_non_null(user);
        assert_null(store_file_open("disk", STORE_CREATE, STORE_LOCK_WRITER));
        assert_null(store_file_open("disk", STORE_CREATE, STORE_LOCK_RAW_WRITER));
        assert_int_equal(store_size(user, &size), 0);
        assert_int_equal(size, 4);
        store_close(user);
    }
}

/* What emptying took is given back: others may open it as with any writer of a raw image. */
static void a_raw_file_just_created_is_shared(void **state)
{
    struct store *raw = store_file_open("raw", STORE_CREATE, STORE_LOCK_RAW_WRITER);
    struct store *other = store_file_open("raw", STORE_CREATE, STORE_LOCK_RAW_WRITER);

    (void)state;
    assert_non_null(raw);
    assert_non_null(other);
    store_close(raw);
    store_close(other);
}

/* A raw file is shared as soon as it is there, while it is filled. */
static void a_file_that_another_uses_is_not_taken_away(void **state)
{
    struct store *a = store_file_open("new", STORE_CREATE, STORE_LOCK_RAW_WRITER);
    struct store *b = store_file_open("new", 0, STORE_LOCK_RAW_WRITER);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    store_file_take_away(a);
    assert_int_equal(access("new", F_OK), 0);
    store_close(b);
    store_file_take_away(a);
    assert_int_equal(access("new", F_OK), -1);
    store_close(a);
}

static void this_process_is_named(void **state)
{
    struct store *a = open_as(STORE_LOCK_WRITER);

    (void)state;
    if (access("/proc/self/fdinfo", R_OK) < 0)
        skip();
    assert_null(open_as(STORE_LOCK_READER));
    assert_string_equal(error_message(),
                        "Failed to get shared \"write\" lock" HINT " (held by this process)");
    store_close(a);
}

static void another_process_is_named(void **state)
{
    int ready[2], done[2];
    char expected[200], name[16], byte; /* the name: valgrind has one of its own */
    pid_t child;

    (void)state;
    if (access("/proc/self/fdinfo", R_OK) < 0)
        skip();
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(done), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = open_as(STORE_LOCK_WRITER);

        close(done[1]);
        _exit(!store || write(ready[1], "", 1) != 1 || read(done[0], &byte, 1) < 0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_null(open_as(STORE_LOCK_WRITER));
    assert_int_equal(prctl(PR_GET_NAME, name), 0);
    snprintf(expected, sizeof expected, "%s (held by %s, pid %d)", no_write, name, (int)child);
    close(done[1]);
    close(done[0]);
    close(ready[0]);
    waitpid(child, NULL, 0);
    assert_string_equal(error_message(), expected);
}

static int setup(void **state)
{
    int fd;

    if (scratch_setup(state) < 0)
        return -1;
    fd = open("disk", O_WRONLY | O_CREAT, 0644);
    if (fd < 0 || write(fd, "disk", 4) != 4)
        return -1;
    return close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_share),
        cmocka_unit_test(a_writer_is_alone),
        cmocka_unit_test(a_raw_writer_shares_with_its_kind),
        cmocka_unit_test(force_share_and_none_bear_everything),
        cmocka_unit_test(a_file_in_use_is_not_emptied),
        cmocka_unit_test(a_raw_file_just_created_is_shared),
        cmocka_unit_test(a_file_that_another_uses_is_not_taken_away),
        cmocka_unit_test(this_process_is_named),
        cmocka_unit_test(another_process_is_named),
    };

    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
