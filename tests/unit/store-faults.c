/* SPDX-License-Identifier: BSD-3-Clause */
/* store-faults.c - a store in a file when the system is interrupted, brief or failing
 *
 * The linker puts the functions below in the place of the system's.
 */

#include "store-scratch.h"

#include "base/error.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

#define SIZE 100000u

ssize_t __real_pread(int fd, void *buf, size_t count, off_t offset);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int iovcnt, off_t offset);
int __real_fallocate(int fd, int mode, off_t offset, off_t count);
int __real_fdatasync(int fd);
off_t __real_lseek(int fd, off_t offset, int whence);

ssize_t __wrap_pread(int fd, void *buf, size_t count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int iovcnt, off_t offset);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t count);
int __wrap_fdatasync(int fd);
off_t __wrap_lseek(int fd, off_t offset, int whence);

/* What goes wrong, and how often the calls were made. */
static struct {
    bool brief; /* every other transfer is interrupted, the rest move little */
    int transfer_error;
    int fallocate_error;
    int fdatasync_error;
    int lseek_error;
    unsigned transfers, fdatasyncs;
} faults;

static int failure(int errnum)
{
    errno = errnum;
    return -1;
}

ssize_t __wrap_pread(int fd, void *buf, size_t count, off_t offset)
{
    faults.transfers++;
    if (faults.transfer_error)
        return failure(faults.transfer_error);
    if (faults.brief && faults.transfers % 2 == 0)
        return failure(EINTR);
    if (faults.brief && count > 777)
        count = 777;
    return __real_pread(fd, buf, count, offset);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int iovcnt, off_t offset)
{
    faults.transfers++;
    if (faults.transfer_error)
        return failure(faults.transfer_error);
    if (faults.brief && faults.transfers % 2 == 0)
        return failure(EINTR);
    if (faults.brief) {
        struct iovec first = { iov->iov_base, iov->iov_len > 777 ? 777 : iov->iov_len };

        return __real_pwritev(fd, &first, 1, offset);
    }
    return __real_pwritev(fd, iov, iovcnt, offset);
}

int __wrap_fallocate(int fd, int mode, off_t offset, off_t count)
{
    return faults.fallocate_error ? failure(faults.fallocate_error)
                                  : __real_fallocate(fd, mode, offset, count);
}

int __wrap_fdatasync(int fd)
{
    faults.fdatasyncs++;
    return faults.fdatasync_error ? failure(faults.fdatasync_error) : __real_fdatasync(fd);
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
    return faults.lseek_error ? failure(faults.lseek_error) : __real_lseek(fd, offset, whence);
}

static struct store *create(const char *name, uint32_t flags)
{
    struct store *store;

    memset(&faults, 0, sizeof faults);
    store = store_file_open(name, STORE_CREATE | flags, STORE_LOCK_WRITER);
    assert_non_null(store);
    return store;
}

static uint8_t *pattern(void)
{
    uint8_t *bytes = malloc(SIZE);

    assert_non_null(bytes);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    return bytes;
}

static void brief_and_interrupted_transfers_are_completed(void **state)
{
    struct store *store = create("brief", 0);
    uint8_t *bytes = pattern(), *back = malloc(SIZE + 100);
    struct iovec iov[] = { { bytes, 1000 }, { bytes + 1000, 1 }, { bytes + 1001, SIZE - 1001 } };

    (void)state;
    assert_non_null(back);
    faults.brief = true;
    assert_int_equal(store_pwritev(store, iov, 3, 5), 0);
    assert_true(faults.transfers > 2 * SIZE / 777);
    assert_int_equal(store_pread(store, back, SIZE + 100, 5), 0);
    assert_memory_equal(back, bytes, SIZE);
    for (size_t i = SIZE; i < SIZE + 100; i++)
        assert_int_equal(back[i], 0);
    free(bytes);
    free(back);
    store_close(store);
}

static void a_failed_transfer_says_what_and_where(void **state)
{
    struct store *store = create("broken", 0);
    char byte = 0;

    (void)state;
    faults.transfer_error = ENOSPC;
    assert_int_equal(store_pwrite(store, &byte, 1, 0x1000), -1);
    assert_int_equal(error_errno(), ENOSPC);
    assert_string_equal(error_message(), "Could not write 1 bytes at offset 0x1000 of 'broken': "
                                         "No space left on device");
    faults.transfer_error = EIO;
    assert_int_equal(store_pread(store, &byte, 1, 0), -1);
    assert_int_equal(error_errno(), EIO);
    assert_string_equal(error_message(), "Could not read 1 bytes at offset 0x0 of 'broken': "
                                         "Input/output error");
    store_close(store);
}

static void after_a_failed_flush_every_flush_fails(void **state)
{
    struct store *store = create("flush", 0);

    (void)state;
    assert_int_equal(store_flush(store), 0);
    faults.fdatasync_error = EIO;
    assert_int_equal(store_flush(store), 0); /* nothing has changed: nothing is asked for */
    assert_int_equal(store_pwrite(store, "x", 1, 0), 0);
    assert_int_equal(store_flush(store), -1);
    assert_string_equal(error_message(), "Could not flush 'flush': Input/output error");
    faults.fdatasync_error = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_flush(store), -1);
        assert_int_equal(error_errno(), EIO);
        assert_non_null(strstr(error_message(), "an earlier flush failed"));
    }
    store_close(store);
}

static void an_unsafe_store_never_flushes(void **state)
{
    struct store *store = create("unsafe", STORE_UNSAFE);

    (void)state;
    faults.fdatasync_error = EIO;
    assert_int_equal(store_flush(store), 0);
    assert_int_equal(faults.fdatasyncs, 0);
    store_close(store);
}

/* A file system that cannot punch: zeroes are written, advice is ignored. */
static void without_fallocate(void **state)
{
    struct store *store = create("plain", 0);
    uint8_t *bytes = pattern(), *back = malloc(SIZE);
    uint64_t size;

    (void)state;
    assert_non_null(back);
    faults.fallocate_error = EOPNOTSUPP;
    assert_int_equal(store_pwrite(store, bytes, SIZE, 0), 0);
    assert_int_equal(store_discard(store, SIZE, 0), 0);
    assert_int_equal(store->ops->zero(store, SIZE, 1000, true), -1);
    assert_int_equal(error_errno(), ENOTSUP);
    assert_int_equal(store_zero(store, 3u << 20, 1000, true), 0);
    assert_int_equal(store_size(store, &size), 0);
    assert_int_equal(size, (3u << 20) + 1000);
    assert_int_equal(store_pread(store, back, SIZE, 0), 0);
    assert_memory_equal(back, bytes, 1000);
    for (size_t i = 1000; i < SIZE; i++)
        assert_int_equal(back[i], 0);
    faults.fallocate_error = EIO;
    assert_int_equal(store_zero(store, SIZE, 0, true), -1);
    assert_int_equal(error_errno(), EIO);
    assert_int_equal(store_discard(store, SIZE, 0), -1);
    free(bytes);
    free(back);
    store_close(store);
}

/* A file system that cannot tell holes: all is data, up to the end of the file. */
static void without_seek_hole(void **state)
{
    struct store *store = create("opaque", 0);
    struct store_extent extent;

    (void)state;
    assert_int_equal(store_truncate(store, SIZE), 0);
    faults.lseek_error = EINVAL;
    assert_int_equal(store_extent_at(store, 2 * SIZE, 10, &extent), 0);
    assert_int_equal(extent.length, SIZE - 10);
    assert_false(extent.hole);
    assert_int_equal(store_extent_at(store, 2 * SIZE, SIZE, &extent), 0);
    assert_int_equal(extent.length, 2 * SIZE);
    assert_true(extent.hole);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brief_and_interrupted_transfers_are_completed),
        cmocka_unit_test(a_failed_transfer_says_what_and_where),
        cmocka_unit_test(after_a_failed_flush_every_flush_fails),
        cmocka_unit_test(an_unsafe_store_never_flushes),
        cmocka_unit_test(without_fallocate),
        cmocka_unit_test(without_seek_hole),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
