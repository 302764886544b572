/* SPDX-License-Identifier: BSD-3-Clause */
/* dirty-bits.c - bits that are set by many threads, compared with a plain array */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "image/dirty_bits.h"

#define BITS (5 * DIRTY_PAGE_BITS + 77)
#define BYTES ((size_t)6 * DIRTY_PAGE_BYTES)
#define THREADS 4

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 33;
}

/* A range that is often whole pages, or within one. */
static void pick(uint64_t *random, uint64_t *first, uint64_t *end)
{
    uint64_t length;

    *first = next_random(random) % BITS;
    length = 1 + next_random(random) % (next_random(random) % 4 ? 100 : 2 * DIRTY_PAGE_BITS);
    if (next_random(random) % 8 == 0)
        *first -= *first % DIRTY_PAGE_BITS;
    *end = *first + length < BITS ? *first + length : BITS;
}

static void set_plain(uint8_t *bytes, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++)
        bytes[i / 8] |= (uint8_t)(1u << i % 8);
}

static void compare(const struct dirty_bits *bits, const uint8_t *expected)
{
    uint8_t *seen = calloc(1, BYTES);

    assert_non_null(seen);
    dirty_bits_merge(bits, 0, seen, BYTES);
    assert_memory_equal(seen, expected, BITS / 8 + 1);
    free(seen);
}

static void what_is_set_is_seen(void **state)
{
    uint8_t *expected = calloc(1, BYTES);
    struct dirty_bits bits;
    uint64_t random = 1;

    (void)state;
    assert_non_null(expected);
    assert_int_equal(dirty_bits_init(&bits, BITS), 0);
    assert_false(dirty_bits_any(&bits, 0, BYTES));
    for (int i = 0; i < 60; i++) {
        uint64_t first, end;

        pick(&random, &first, &end);
        set_plain(expected, first, end);
        assert_int_equal(dirty_bits_set(&bits, first, end), 0);
        assert_true(dirty_bits_any(&bits, 0, BYTES));
        compare(&bits, expected);
    }
    dirty_bits_destroy(&bits);
    free(expected);
}

static void bits_survive_growing_and_go_with_shrinking(void **state)
{
    uint8_t *expected = calloc(1, BYTES);
    struct dirty_bits bits;

    (void)state;
    assert_non_null(expected);
    assert_int_equal(dirty_bits_init(&bits, 100), 0);
    assert_int_equal(dirty_bits_set(&bits, 3, 90), 0);
    set_plain(expected, 3, 90);
    assert_int_equal(dirty_bits_resize(&bits, BITS), 0);
    compare(&bits, expected);
    assert_int_equal(dirty_bits_set(&bits, DIRTY_PAGE_BITS, 3 * DIRTY_PAGE_BITS), 0);
    assert_int_equal(dirty_bits_resize(&bits, DIRTY_PAGE_BITS), 0);
    assert_int_equal(dirty_bits_resize(&bits, BITS), 0);
    compare(&bits, expected);
    dirty_bits_destroy(&bits);
    free(expected);
}

static void bits_are_added(void **state)
{
    uint8_t *expected = calloc(1, BYTES);
    struct dirty_bits a, b;

    (void)state;
    assert_non_null(expected);
    assert_int_equal(dirty_bits_init(&a, BITS), 0);
    assert_int_equal(dirty_bits_init(&b, BITS), 0);
    for (uint64_t i = 0; i < 5; i++) {
        /* none, some and all bits of a page, in a and in b */
        uint64_t start = i * DIRTY_PAGE_BITS;

        assert_int_equal(dirty_bits_set(i % 2 ? &a : &b, start, start + DIRTY_PAGE_BITS / (i + 1)),
                         0);
        assert_int_equal(dirty_bits_set(i % 3 ? &b : &a, start + 70, start + 90 + i), 0);
        set_plain(expected, start, start + DIRTY_PAGE_BITS / (i + 1));
        set_plain(expected, start + 70, start + 90 + i);
    }
    assert_int_equal(dirty_bits_set(&a, 4 * DIRTY_PAGE_BITS, BITS), 0);
    set_plain(expected, 4 * DIRTY_PAGE_BITS, BITS);
    assert_int_equal(dirty_bits_add(&a, &b), 0);
    compare(&a, expected);
    dirty_bits_destroy(&a);
    dirty_bits_destroy(&b);
    free(expected);
}

struct worker {
    pthread_t thread;
    struct dirty_bits *bits;
    uint64_t random;
    uint8_t *mine;
};

static void *work(void *opaque)
{
    struct worker *w = opaque;

    for (int i = 0; i < 300; i++) {
        uint64_t first, end;

        pick(&w->random, &first, &end);
        end = first + (end - first) % 50 + 1 < BITS ? first + (end - first) % 50 + 1 : BITS;
        set_plain(w->mine, first, end);
        if (dirty_bits_set(w->bits, first, end) == -1)
            abort();
    }
    return NULL;
}

static void threads_lose_no_bit(void **state)
{
    struct worker workers[THREADS];
    uint8_t *expected = calloc(1, BYTES);
    struct dirty_bits bits;

    (void)state;
    assert_non_null(expected);
    assert_int_equal(dirty_bits_init(&bits, BITS), 0);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .bits = &bits, .random = i, .mine = calloc(1, BYTES) };
        assert_non_null(workers[i].mine);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        for (size_t k = 0; k < BYTES; k++)
            expected[k] |= workers[i].mine[k];
        free(workers[i].mine);
    }
    compare(&bits, expected);
    dirty_bits_destroy(&bits);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_set_is_seen),
        cmocka_unit_test(bits_survive_growing_and_go_with_shrinking),
        cmocka_unit_test(bits_are_added),
        cmocka_unit_test(threads_lose_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
