/* SPDX-License-Identifier: BSD-3-Clause */
/* store-memory.c - a store in memory keeps what was written and nothing else */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "store/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIB (UINT64_C(1) << 40)

static void assert_allocated(struct store *store, uint64_t expected)
{
    uint64_t bytes;

    assert_int_equal(store->ops->allocated(store, &bytes), 0);
    assert_int_equal(bytes, expected);
}

static void assert_extent(struct store *store, uint64_t count, uint64_t offset, uint64_t length,
                          bool hole)
{
    struct store_extent extent = { 0 };

    assert_int_equal(store_extent_at(store, count, offset, &extent), 0);
    assert_int_equal(extent.length, length);
    assert_int_equal(extent.hole, hole);
}

static void far_offsets_take_a_page(void **state)
{
    struct store *store = store_memory_new("far");
    char buf[4];

    (void)state;
    assert_string_equal(store->name, "far");
    assert_int_equal(store_pwrite(store, "far", 3, 1000 * TIB), 0);
    assert_int_equal(store_pwrite(store, "near", 4, 4094), 0);
    assert_allocated(store, 3 * 4096);
    assert_int_equal(store_pread(store, buf, 4, 4094), 0);
    assert_memory_equal(buf, "near", 4);
    assert_int_equal(store_pread(store, buf, 4, 1000 * TIB), 0);
    assert_memory_equal(buf, "far\0", 4);
    assert_int_equal(store_pwrite(store, "x", 1, INT64_MAX), -1);
    assert_int_equal(error_errno(), EFBIG);
    store_close(store);
}

static void extents_follow_the_pages(void **state)
{
    struct store *store = store_memory_new("extents");

    (void)state;
    assert_int_equal(store_pwrite(store, "a", 1, 4096), 0);
    assert_int_equal(store_pwrite(store, "b", 1, 8192), 0);
    assert_int_equal(store_pwrite(store, "c", 1, TIB), 0);
    assert_extent(store, TIB, 0, 4096, true);
    assert_extent(store, TIB, 4096, 8192, false);
    assert_extent(store, 10, 5000, 10, false);
    assert_extent(store, 2 * TIB, 12288, TIB - 12288, true);
    assert_extent(store, 2 * TIB, TIB, 1, false);
    assert_extent(store, 2 * TIB, TIB + 1, 2 * TIB, true);
    assert_extent(store, UINT64_MAX, 12 * TIB, UINT64_MAX, true);
    store_close(store);
}

static void zero_and_discard_give_pages_back(void **state)
{
    struct store *store = store_memory_new("zero");
    static uint8_t bytes[8 * 4096], back[8 * 4096];
    uint64_t size;

    (void)state;
    memset(bytes, 1, sizeof bytes);
    assert_int_equal(store_pwrite(store, bytes, sizeof bytes, 0), 0);
    assert_int_equal(store_zero(store, 4096 * 2, 100, true), 0);
    assert_allocated(store, 7 * 4096);
    assert_int_equal(store_zero(store, 4096, 4096 * 3, false), 0);
    assert_allocated(store, 7 * 4096);
    assert_int_equal(store_discard(store, TIB, 4096 * 6), 0);
    assert_allocated(store, 5 * 4096);
    memset(bytes + 100, 0, 4096 * 2);
    memset(bytes + 4096 * 3, 0, 4096);
    memset(bytes + 4096 * 6, 0, 4096 * 2);
    assert_int_equal(store_pread(store, back, sizeof back, 0), 0);
    assert_memory_equal(back, bytes, sizeof back);
    assert_int_equal(store_size(store, &size), 0);
    assert_int_equal(size, sizeof bytes);
    store_close(store);
}

static void what_was_cut_off_does_not_come_back(void **state)
{
    struct store *store = store_memory_new("cut");
    char buf[6];

    (void)state;
    assert_int_equal(store_pwrite(store, "abcdef", 6, 4093), 0);
    assert_int_equal(store_truncate(store, 4094), 0);
    assert_allocated(store, 4096);
    assert_int_equal(store_truncate(store, TIB), 0);
    assert_int_equal(store_pread(store, buf, 6, 4093), 0);
    assert_memory_equal(buf, "a\0\0\0\0\0", 6);
    assert_int_equal(store_truncate(store, 0), 0);
    assert_allocated(store, 0);
    store_close(store);
}

static void a_read_only_store_changes_nothing(void **state)
{
    struct store *store = store_memory_new("const");

    (void)state;
    store->read_only = true;
    assert_int_equal(store_pwrite(store, "x", 1, 0), -1);
    assert_int_equal(error_errno(), EROFS);
    assert_int_equal(store_truncate(store, 1), -1);
    assert_allocated(store, 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(far_offsets_take_a_page),
        cmocka_unit_test(extents_follow_the_pages),
        cmocka_unit_test(zero_and_discard_give_pages_back),
        cmocka_unit_test(what_was_cut_off_does_not_come_back),
        cmocka_unit_test(a_read_only_store_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
