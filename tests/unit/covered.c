/* SPDX-License-Identifier: BSD-3-Clause */
/* covered.c - parts of a range, in any order, are all of it when no byte is missing */

#include "covered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/seed.h"

#define MOST 300u

/* So many parts, each byte noted here, too. */
static void give_parts(unsigned *seed, unsigned parts)
{
    struct covered c = { .count = 1 + (unsigned)rand_r(seed) % MOST };
    bool given[MOST] = { false };

    for (unsigned i = 0; i < parts; i++) {
        uint64_t offset = (unsigned)rand_r(seed) % c.count;
        uint64_t length = (unsigned)rand_r(seed) % (c.count - offset + 1);
        bool all = true;

        assert_true(covered_add(&c, offset, length));
        memset(given + offset, true, length);
        for (unsigned at = 0; at < c.count; at++)
            all = all && given[at];
        assert_int_equal(covered_all(&c), all);
    }
    free(c.later);
}

static void test_parts_in_any_order(void **state)
{
    unsigned seed = test_seed();

    (void)state;
    for (unsigned i = 0; i < 2000; i++)
        give_parts(&seed, i % 12);
}

static void test_what_lies_outside_is_refused(void **state)
{
    struct covered c = { .count = 100 };

    (void)state;
    assert_false(covered_all(&c));
    assert_false(covered_add(&c, 0, 101));
    assert_false(covered_add(&c, 101, 0));
    assert_false(covered_add(&c, UINT64_MAX, 2));
    assert_false(covered_all(&c));
    assert_null(c.later);
    assert_true(covered_add(&c, 0, 100));
    assert_true(covered_all(&c));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_in_any_order),
        cmocka_unit_test(test_what_lies_outside_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
