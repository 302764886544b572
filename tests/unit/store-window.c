/* SPDX-License-Identifier: BSD-3-Clause */
/* store-window.c - a part of a store: what is outside is neither read nor written
 *
 * The same, whether the part is one window or two, one in the other.
 */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "store/memory.h"
#include "store/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/seed.h"

#define WHOLE (96u * 1024)
#define START 4608u
#define SIZE (64u * 1024)
#define OUTSIDE 0xee
#define OPERATIONS 3000

static struct store *whole; /* the memory below the window */

static struct store *make_whole(void)
{
    static uint8_t bytes[WHOLE];

    whole = store_memory_new("memory");
    memset(bytes, OUTSIDE, sizeof bytes);
    assert_non_null(whole);
    assert_int_equal(store_pwrite(whole, bytes, sizeof bytes, 0), 0);
    return whole;
}

static struct store *one_window(void)
{
    return store_window_new(make_whole(), START, SIZE);
}

static struct store *two_windows(void)
{
    return store_window_new(store_window_new(make_whole(), START - 512, WINDOW_TO_END), 512, SIZE);
}

static void check_outside(void)
{
    static uint8_t bytes[WHOLE + 512];

    assert_int_equal(store_pread(whole, bytes, sizeof bytes, 0), 0);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        if (i < START || i >= START + SIZE)
            assert_int_equal(bytes[i], i < WHOLE ? OUTSIDE : 0);
}

/* A range that begins in the window, and may end behind it. */
static void draw_range(unsigned short *seed, uint64_t *count, uint64_t *offset)
{
    *offset = (uint64_t)nrand48(seed) % SIZE;
    *count = 1 + (uint64_t)nrand48(seed) % 9000;
}

static void change(struct store *w, uint8_t *model, unsigned short *seed)
{
    bool zero = nrand48(seed) % 3 == 0;
    uint8_t bytes[9000];
    uint64_t count, offset;
    int r;

    draw_range(seed, &count, &offset);
    memset(bytes, zero ? 0 : (int)nrand48(seed) % 256, count);
    r = zero ? store_zero(w, count, offset, true) : store_pwrite(w, bytes, count, offset);
    if (count > SIZE - offset) {
        assert_int_equal(r, -1);
        assert_int_equal(error_errno(), ENOSPC);
        return;
    }
    assert_int_equal(r, 0);
    memcpy(model + offset, bytes, count);
}

static void check_read(struct store *w, const uint8_t *model, unsigned short *seed)
{
    struct store_extent extent;
    uint8_t bytes[9000];
    uint64_t count, offset;

    draw_range(seed, &count, &offset);
    assert_int_equal(store_pread(w, bytes, count, offset), 0);
    assert_memory_equal(bytes, model + offset, count);
    assert_int_equal(store_extent_at(w, count, offset, &extent), 0);
    assert_in_range(extent.length, 1, count);
    for (uint64_t i = 0; extent.hole && i < extent.length; i++)
        assert_int_equal(model[offset + i], 0);
}

static void run(struct store *w)
{
    static uint8_t model[SIZE + 9000]; /* zeroes behind the end */
    unsigned number = test_seed();
    unsigned short seed[3] = { 0 };
    uint64_t size;

    memcpy(seed, &number, sizeof number);
    assert_non_null(w);
    memset(model, 0, sizeof model);
    memset(model, OUTSIDE, SIZE);
    for (int i = 0; i < OPERATIONS; i++) {
        change(w, model, seed);
        check_read(w, model, seed);
    }
    assert_int_equal(store_size(w, &size), 0);
    assert_int_equal(size, SIZE);
    check_outside();
    store_close(w);
}

static void in_one_window(void **state)
{
    (void)state;
    run(one_window());
}

static void in_a_window_of_a_window(void **state)
{
    (void)state;
    run(two_windows());
}

static void of_a_fixed_size(void **state)
{
    struct store *w = one_window();

    (void)state;
    assert_int_equal(store_truncate(w, SIZE / 2), 0);
    assert_int_equal(store_truncate(w, SIZE + 1), -1);
    assert_int_equal(error_errno(), ENOTSUP);
    assert_int_equal(store_discard(w, WHOLE, SIZE - 512), 0);
    assert_int_equal(store_discard(w, WHOLE, UINT64_MAX - 512), 0);
    assert_int_equal(store_pwrite(w, "x", 1, UINT64_MAX), -1);
    check_outside();
    store_close(w);
}

static void up_to_the_end(void **state)
{
    struct store *w = store_window_new(make_whole(), START, WINDOW_TO_END);
    uint64_t size;

    (void)state;
    assert_int_equal(store_truncate(w, WHOLE), 0);
    assert_int_equal(store_size(whole, &size), 0);
    assert_int_equal(size, WHOLE + START);
    assert_int_equal(store_pwrite(w, "x", 1, (uint64_t)INT64_MAX - START), -1);
    assert_int_equal(error_errno(), ENOSPC);
    assert_non_null(strstr(error_message(), "begins at offset 0x1200 of a file, and no file is"));
    assert_int_equal(store_truncate(w, INT64_MAX), -1);
    assert_int_equal(error_errno(), EFBIG);
    assert_int_equal(store_truncate(whole, 512), 0);
    assert_int_equal(store_size(w, &size), 0);
    assert_int_equal(size, 0);
    store_close(w);
}

static void places_that_are_not_there(void **state)
{
    static const struct {
        uint64_t offset, size;
    } bad[] = {
        { WHOLE + 512, WINDOW_TO_END }, { WHOLE, 512 },      { 0, WHOLE + 512 }, { 0, 511 },
        { 512, UINT64_MAX - 1023 },     { UINT64_MAX, 512 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(store_window_new(make_whole(), bad[i].offset, bad[i].size));
        assert_int_equal(error_errno(), EINVAL);
    }
}

static void where_the_bytes_are(void **state)
{
    struct store *w = two_windows();
    uint64_t offset;

    (void)state;
    assert_ptr_equal(store_bottom(w, &offset), whole);
    assert_int_equal(offset, START);
    store_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_window),
        cmocka_unit_test(in_a_window_of_a_window),
        cmocka_unit_test(of_a_fixed_size),
        cmocka_unit_test(up_to_the_end),
        cmocka_unit_test(places_that_are_not_there),
        cmocka_unit_test(where_the_bytes_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
