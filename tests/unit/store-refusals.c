/* SPDX-License-Identifier: BSD-3-Clause */
/* store-refusals.c - what cannot be opened is refused at once, in the words of qemu-img */

#include "store-scratch.h"

#include "base/error.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static void assert_refused(const char *name, uint32_t flags, int errnum, const char *message)
{
    assert_null(store_file_open(name, flags, STORE_LOCK_NONE));
    assert_int_equal(error_errno(), errnum);
    assert_string_equal(error_message(), message);
}

static void missing_file(void **state)
{
    (void)state;
    assert_refused("missing", STORE_READ_ONLY, ENOENT,
                   "Could not open 'missing': No such file or directory");
    assert_refused("missing", 0, ENOENT, "Could not open 'missing': No such file or directory");
    assert_refused("no/folder", STORE_CREATE, ENOENT,
                   "Could not create 'no/folder': No such file or directory");
    assert_int_equal(access("missing", F_OK), -1);
}

/* What is wrong is said behind however much of the name has room. */
static void long_name(void **state)
{
    char name[4200] = { 0 };
    const char *end;

    (void)state;
    for (size_t i = 0; i < 4100; i += 2)
        memcpy(name + i, "\xc3\xa4", 2);
    assert_null(store_file_open(name, STORE_READ_ONLY, STORE_LOCK_NONE));
    assert_int_equal(error_errno(), ENAMETOOLONG);
    end = strstr(error_message(), "...");
    assert_non_null(end);
    assert_string_equal(end, "...: File name too long");
    assert_null(strchr(error_message(), '?'));
    assert_memory_equal(end - 2, "\xc3\xa4", 2);
}

static void folder(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder", 0755), 0);
    assert_refused("folder", STORE_READ_ONLY, EISDIR,
                   "'file' driver requires 'folder' to be a regular file");
    assert_refused("folder", 0, EISDIR, "Could not open 'folder': Is a directory");
    assert_refused("folder", STORE_CREATE, EISDIR, "Could not create 'folder': Is a directory");
}

static void fifo(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("fifo", 0644), 0);
    alarm(10); /* an open that waits for the other end would never return */
    assert_refused("fifo", STORE_READ_ONLY, EINVAL,
                   "'file' driver requires 'fifo' to be a regular file");
    assert_refused("fifo", 0, EINVAL, "'file' driver requires 'fifo' to be a regular file");
    assert_refused("fifo", STORE_CREATE, EINVAL,
                   "'file' driver requires 'fifo' to be a regular file");
    alarm(0);
}

static void socket_file(void **state)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_refused("socket", STORE_READ_ONLY, EINVAL,
                   "'file' driver requires 'socket' to be a regular file");
    close(fd);
}

static void character_device(void **state)
{
    (void)state;
    assert_refused("/dev/null", STORE_READ_ONLY, EINVAL,
                   "'file' driver requires '/dev/null' to be a regular file");
}

/* Root may do everything, so ask as nobody, who owns the folder meanwhile. */
static void forbidden_file(void **state)
{
    bool root = geteuid() == 0;

    (void)state;
    close(open("forbidden", O_CREAT | O_WRONLY, 0));
    close(open("readable", O_CREAT | O_WRONLY, 0444));
    if (root) {
        assert_int_equal(chown(".", 65534, 65534), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    assert_refused("forbidden", STORE_READ_ONLY, EACCES,
                   "Could not open 'forbidden': Permission denied");
    assert_refused("readable", 0, EACCES, "Could not open 'readable': Permission denied");
    assert_refused("readable", STORE_CREATE, EACCES,
                   "Could not create 'readable': Permission denied");
    store_close(store_file_open("readable", STORE_READ_ONLY, STORE_LOCK_READER));
    if (root)
        assert_int_equal(seteuid(0), 0);
}

static void loop_of_links(void **state)
{
    (void)state;
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_refused("loop", STORE_READ_ONLY, ELOOP,
                   "Could not open 'loop': Too many levels of symbolic links");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_file),
        cmocka_unit_test(long_name),
        cmocka_unit_test(folder),
        cmocka_unit_test(fifo),
        cmocka_unit_test(socket_file),
        cmocka_unit_test(character_device),
        cmocka_unit_test(forbidden_file),
        cmocka_unit_test(loop_of_links),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
