/* SPDX-License-Identifier: BSD-3-Clause */
/* store-withheld.c - a store whose first sector arrives last */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/memory.h"
#include "store/withheld.h"

#define LENGTH 10000u

struct fixture {
    struct store *rest, *withheld;
};

/* The store holds something else before. */
static struct fixture make(void)
{
    struct fixture f = { .rest = store_memory_new("memory") };
    uint8_t old[LENGTH];

    memset(old, 0xee, sizeof old);
    assert_int_equal(store_pwrite(f.rest, old, sizeof old, 0), 0);
    f.withheld = store_withheld_new(f.rest);
    assert_non_null(f.withheld);
    return f;
}

static void destroy(struct fixture *f)
{
    store_close(f->withheld);
    store_close(f->rest);
}

static void expect(struct store *store, int byte, size_t count, uint64_t offset)
{
    uint8_t bytes[LENGTH];

    assert_int_equal(store_pread(store, bytes, count, offset), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bytes[i], byte);
}

static void put(struct store *store, int byte, size_t count, uint64_t offset)
{
    uint8_t bytes[LENGTH];

    memset(bytes, byte, count);
    assert_int_equal(store_pwrite(store, bytes, count, offset), 0);
}

static void what_was_there_is_no_image_from_the_start(void **state)
{
    struct fixture f = make();

    (void)state;
    expect(f.rest, 0, 512, 0);
    expect(f.rest, 0xee, LENGTH - 512, 512);
    expect(f.withheld, 0, 512, 0);
    destroy(&f);
}

static void the_sector_arrives_when_it_is_finished(void **state)
{
    struct fixture f = make();

    (void)state;
    put(f.withheld, 1, 1000, 100);
    put(f.withheld, 2, 10, 5000);
    assert_int_equal(store_flush(f.withheld), 0);
    expect(f.withheld, 0, 100, 0);
    expect(f.withheld, 1, 1000, 100);
    expect(f.rest, 0, 512, 0);
    expect(f.rest, 1, 1100 - 512, 512);
    expect(f.rest, 2, 10, 5000);
    assert_int_equal(store_withheld_finish(f.withheld), 0);
    expect(f.rest, 0, 100, 0);
    expect(f.rest, 1, 1000, 100);
    destroy(&f);
}

static void zeroes_and_discards_are_on_both_sides(void **state)
{
    struct fixture f = make();

    (void)state;
    put(f.withheld, 1, 2000, 0);
    assert_int_equal(store_zero(f.withheld, 1000, 300, false), 0);
    expect(f.withheld, 1, 300, 0);
    expect(f.withheld, 0, 1000, 300);
    expect(f.withheld, 1, 700, 1300);
    expect(f.rest, 0, 1300, 0);
    assert_int_equal(store_zero(f.withheld, 100, 0, true), 0);
    expect(f.withheld, 0, 100, 0);
    put(f.withheld, 3, LENGTH, 0);
    assert_int_equal(store_discard(f.withheld, 8192, 0), 0);
    expect(f.withheld, 3, 512, 0); /* a discard is advice */
    expect(f.withheld, 0, 8192 - 512, 512);
    expect(f.withheld, 3, LENGTH - 8192, 8192);
    destroy(&f);
}

static void size_and_extents_are_those_of_the_rest(void **state)
{
    struct fixture f = make();
    struct store_extent extent;
    uint64_t size, bytes;

    (void)state;
    assert_int_equal(store_truncate(f.withheld, 5000000), 0);
    assert_int_equal(store_size(f.withheld, &size), 0);
    assert_int_equal(size, 5000000);
    assert_int_equal(store_extent_at(f.withheld, 5000000, 0, &extent), 0);
    assert_false(extent.hole);
    assert_int_equal(extent.length, 12288); /* whole pages */
    assert_int_equal(store_extent_at(f.withheld, 5000000 - 12288, 12288, &extent), 0);
    assert_true(extent.hole);
    assert_int_equal(f.withheld->ops->allocated(f.withheld, &bytes), 0);
    assert_int_equal(bytes, 12288);
    destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_there_is_no_image_from_the_start),
        cmocka_unit_test(the_sector_arrives_when_it_is_finished),
        cmocka_unit_test(zeroes_and_discards_are_on_both_sides),
        cmocka_unit_test(size_and_extents_are_those_of_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
