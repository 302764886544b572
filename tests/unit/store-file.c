/* SPDX-License-Identifier: BSD-3-Clause */
/* store-file.c - what a store in a file promises beyond moving bytes */

#include "store-scratch.h"

#include "base/error.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define MIB (UINT64_C(1) << 20)

static struct store *create(const char *name)
{
    struct store *store = store_file_open(name, STORE_CREATE, STORE_LOCK_WRITER);

    assert_non_null(store);
    return store;
}

static uint64_t size_of(struct store *store)
{
    uint64_t size;

    assert_int_equal(store_size(store, &size), 0);
    return size;
}

static uint64_t allocated_of(struct store *store)
{
    uint64_t bytes;

    assert_int_equal(store->ops->allocated(store, &bytes), 0);
    return bytes;
}

static void assert_extent(struct store *store, uint64_t count, uint64_t offset, uint64_t length,
                          bool hole)
{
    struct store_extent extent = { 0 };

    assert_int_equal(store_extent_at(store, count, offset, &extent), 0);
    assert_int_equal(extent.length, length);
    assert_int_equal(extent.hole, hole);
}

static void assert_zeroes(struct store *store, size_t count, uint64_t offset)
{
    uint8_t *buf = malloc(count);

    assert_non_null(buf);
    memset(buf, 0xff, count);
    assert_int_equal(store_pread(store, buf, count, offset), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buf[i], 0);
    free(buf);
}

static void reads_zeroes_past_the_end(void **state)
{
    struct store *store = create("past-the-end");
    char buf[8];

    (void)state;
    assert_int_equal(store_pwrite(store, "abc", 3, 0), 0);
    memset(buf, 'x', sizeof buf);
    assert_int_equal(store_pread(store, buf, sizeof buf, 1), 0);
    assert_memory_equal(buf, "bc\0\0\0\0\0\0", sizeof buf);
    assert_zeroes(store, 4096, MIB);
    assert_int_equal(size_of(store), 3);
    store_close(store);
}

static void refuses_offsets_that_the_system_cannot_say(void **state)
{
    struct store *store = create("far");
    char byte = 'x';

    (void)state;
    assert_int_equal(store_pwrite(store, &byte, 1, INT64_MAX), -1);
    assert_int_equal(error_errno(), EFBIG);
    assert_non_null(strstr(error_message(), "0x7fffffffffffffff"));
    assert_int_equal(store_pread(store, &byte, 1, UINT64_MAX), -1);
    assert_int_equal(error_errno(), EFBIG);
    assert_int_equal(store_zero(store, UINT64_MAX, 1, true), -1);
    assert_int_equal(store_truncate(store, UINT64_MAX), -1);
    assert_int_equal(size_of(store), 0);
    assert_extent(store, UINT64_MAX, 0, UINT64_MAX, true);
    store_close(store);
}

static void writes_more_buffers_than_one_call_takes(void **state)
{
    enum { BUFFERS = 3000 };
    struct store *store = create("buffers");
    struct iovec iov[BUFFERS];
    uint8_t bytes[BUFFERS], back[BUFFERS];

    (void)state;
    for (int i = 0; i < BUFFERS; i++) {
        bytes[i] = (uint8_t)(i * 7);
        iov[i] = (struct iovec){ &bytes[i], 1 };
    }
    iov[1000].iov_len = 0; /* an empty buffer in the middle moves nothing */
    assert_int_equal(store_pwritev(store, iov, BUFFERS, 10), 0);
    assert_int_equal(size_of(store), 10 + BUFFERS - 1);
    assert_int_equal(store_pread(store, back, BUFFERS - 1, 10), 0);
    assert_memory_equal(back, bytes, 1000);
    assert_memory_equal(back + 1000, bytes + 1001, BUFFERS - 1001);
    store_close(store);
}

static void zeroes_beyond_the_end_take_no_space(void **state)
{
    struct store *store = create("zero-beyond");

    (void)state;
    assert_int_equal(store_pwrite(store, "abc", 3, 0), 0);
    assert_int_equal(store_zero(store, 4 * MIB, MIB, true), 0);
    assert_int_equal(size_of(store), 5 * MIB);
    assert_true(allocated_of(store) < MIB);
    assert_zeroes(store, 64 * 1024, 5 * MIB - 64 * 1024);
    store_close(store);
}

static void zeroes_across_the_end_keep_what_is_before(void **state)
{
    struct store *store = create("zero-across");
    char buf[10];

    (void)state;
    assert_int_equal(store_pwrite(store, "abcdefgh", 8, 0), 0);
    assert_int_equal(store_zero(store, 6, 4, true), 0);
    assert_int_equal(size_of(store), 10);
    assert_int_equal(store_pread(store, buf, 10, 0), 0);
    assert_memory_equal(buf, "abcd\0\0\0\0\0\0", 10);
    assert_int_equal(store_zero(store, 2, 1, true), 0);
    assert_int_equal(size_of(store), 10);
    store_close(store);
}

static void zeroes_that_may_not_punch_keep_their_space(void **state)
{
    struct store *store = create("zero-keeps");
    uint8_t *data = malloc(MIB);

    (void)state;
    assert_non_null(data);
    memset(data, 0xa5, MIB);
    assert_int_equal(store_pwrite(store, data, MIB, 0), 0);
    assert_int_equal(store_zero(store, MIB, MIB / 2, false), 0);
    assert_int_equal(size_of(store), MIB + MIB / 2);
    assert_true(allocated_of(store) >= MIB + MIB / 2);
    assert_zeroes(store, MIB, MIB / 2);
    assert_int_equal(store_zero(store, MIB + MIB / 2, 0, true), 0);
    assert_true(allocated_of(store) < MIB);
    free(data);
    store_close(store);
}

static void discard_gives_space_back_and_keeps_the_size(void **state)
{
    struct store *store = create("discard");
    uint8_t *data = malloc(MIB);

    (void)state;
    assert_non_null(data);
    memset(data, 0xa5, MIB);
    assert_int_equal(store_pwrite(store, data, MIB, 0), 0);
    assert_int_equal(store_discard(store, 4 * MIB, 0), 0);
    assert_int_equal(size_of(store), MIB);
    assert_true(allocated_of(store) < MIB / 2);
    free(data);
    store_close(store);
}

static void extents_tell_data_from_holes(void **state)
{
    struct store *store = create("extents");
    uint8_t *data = malloc(MIB);

    (void)state;
    assert_non_null(data);
    memset(data, 0xa5, MIB);
    assert_int_equal(store_truncate(store, 8 * MIB), 0);
    assert_int_equal(store_pwrite(store, data, MIB, 2 * MIB), 0);
    assert_int_equal(store_pwrite(store, data, MIB, 6 * MIB), 0);
    assert_extent(store, 8 * MIB, 0, 2 * MIB, true);
    assert_extent(store, MIB, 0, MIB, true);
    assert_extent(store, 8 * MIB, 2 * MIB, MIB, false);
    assert_extent(store, 10, 2 * MIB + 5, 10, false);
    assert_extent(store, 8 * MIB, 3 * MIB, 3 * MIB, true);
    assert_extent(store, 2 * MIB, 6 * MIB, MIB, false);
    assert_extent(store, 9 * MIB, 7 * MIB, 9 * MIB, true);
    assert_extent(store, 5, 8 * MIB, 5, true);
    assert_extent(store, 5, 100 * MIB, 5, true);
    free(data);
    store_close(store);
}

static void an_extent_of_data_ends_with_the_file(void **state)
{
    struct store *store = create("tail");

    (void)state;
    assert_int_equal(store_pwrite(store, "abc", 3, 0), 0);
    assert_extent(store, MIB, 0, 3, false);
    assert_extent(store, MIB, 2, 1, false);
    assert_extent(store, MIB, 3, MIB, true);
    store_close(store);
}

static void a_read_only_store_changes_nothing(void **state)
{
    struct store *store = create("read-only");

    (void)state;
    assert_int_equal(store_pwrite(store, "abc", 3, 0), 0);
    store_close(store);
    store = store_file_open("read-only", STORE_READ_ONLY, STORE_LOCK_READER);
    assert_non_null(store);
    assert_true(store->read_only);
    assert_int_equal(store_pwrite(store, "x", 1, 0), -1);
    assert_int_equal(error_errno(), EROFS);
    assert_string_equal(error_message(), "Could not write to 'read-only': it was opened read-only");
    assert_int_equal(store_zero(store, 1, 0, true), -1);
    assert_int_equal(store_discard(store, 1, 0), -1);
    assert_int_equal(store_truncate(store, 0), -1);
    assert_int_equal(store_flush(store), 0);
    assert_int_equal(size_of(store), 3);
    store_close(store);
}

static void create_empties_a_file_and_sets_its_mode(void **state)
{
    struct store *store;
    struct stat st;
    mode_t mask = umask(022);

    (void)state;
    store = create("mode");
    assert_int_equal(store_pwrite(store, "abc", 3, 0), 0);
    store_close(store);
    store = create("mode");
    assert_int_equal(size_of(store), 0);
    store_close(store);
    assert_int_equal(stat("mode", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    umask(mask);
}

static void two_stores_on_one_file_are_known_by_it(void **state)
{
    struct store *a = create("one");
    struct store *other = create("other");
    struct store *b;

    (void)state;
    assert_int_equal(link("one", "same"), 0);
    b = store_file_open("same", STORE_READ_ONLY, STORE_LOCK_NONE);
    assert_non_null(b);
    assert_true(store_same_file(a, b));
    assert_false(store_same_file(a, other));
    store_close(a);
    store_close(b);
    store_close(other);
}

static void descriptors_do_not_pass_to_programs_started(void **state)
{
    struct store *store;
    int next = dup(0);

    (void)state;
    assert_true(next >= 0);
    close(next);
    store = create("exec");
    assert_true((fcntl(next, F_GETFD) & FD_CLOEXEC) != 0);
    store_close(store);
    assert_int_equal(fcntl(next, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_zeroes_past_the_end),
        cmocka_unit_test(refuses_offsets_that_the_system_cannot_say),
        cmocka_unit_test(writes_more_buffers_than_one_call_takes),
        cmocka_unit_test(zeroes_beyond_the_end_take_no_space),
        cmocka_unit_test(zeroes_across_the_end_keep_what_is_before),
        cmocka_unit_test(zeroes_that_may_not_punch_keep_their_space),
        cmocka_unit_test(discard_gives_space_back_and_keeps_the_size),
        cmocka_unit_test(extents_tell_data_from_holes),
        cmocka_unit_test(an_extent_of_data_ends_with_the_file),
        cmocka_unit_test(a_read_only_store_changes_nothing),
        cmocka_unit_test(create_empties_a_file_and_sets_its_mode),
        cmocka_unit_test(two_stores_on_one_file_are_known_by_it),
        cmocka_unit_test(descriptors_do_not_pass_to_programs_started),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
