/* SPDX-License-Identifier: BSD-3-Clause */
/* check-references.c - reference counts and swept ranges agree with plain arrays */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bits.h"
#include "check/references.h"
#include "check/sweep.h"

#define CLUSTERS (5 * REFERENCES_PAGE + 77)

static uint64_t state = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static void add_to_both(struct references *r, uint64_t *model, uint64_t cluster, uint64_t n)
{
    uint64_t room = r->max - model[cluster], lost = 12345;

    assert_int_equal(references_add(r, cluster, n, &lost), 0);
    assert_true(lost == (n > room ? n - room : 0));
    model[cluster] += min_u64(n, room);
}

static void counts_equal_a_model(uint64_t max)
{
    uint64_t *model = calloc(CLUSTERS, sizeof model[0]);
    struct references r;

    assert_int_equal(references_init(&r, CLUSTERS, max), 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t cluster = draw(CLUSTERS), n = 1 + draw(draw(4) ? 2 : 300);

        if (draw(200) == 0) {
            cluster = round_down(cluster, REFERENCES_PAGE);
            if (references_add_page(&r, cluster, n))
                for (uint64_t j = 0; j < REFERENCES_PAGE; j++)
                    model[cluster + j] += n;
        } else {
            add_to_both(&r, model, cluster, n);
        }
    }
    for (uint64_t i = 0; i < CLUSTERS; i++)
        assert_true(references_get(&r, i) == model[i]);
    references_destroy(&r);
    free(model);
}

static void counts_of_every_width(void **unused)
{
    static const uint64_t max[] = { 1, 3, 15, 254, 255, 65535, UINT64_MAX };

    (void)unused;
    for (size_t i = 0; i < sizeof max / sizeof max[0]; i++)
        counts_equal_a_model(max[i]);
}

static void a_uniform_page_takes_large_counts(void **unused)
{
    struct references r;
    uint64_t lost;

    (void)unused;
    assert_int_equal(references_init(&r, CLUSTERS, 1000), 0);
    assert_true(references_add_page(&r, 0, 700));
    assert_false(references_add_page(&r, 0, 301));
    assert_false(references_add_page(&r, 5 * REFERENCES_PAGE, 1)); /* not a whole one */
    assert_int_equal(references_add(&r, 3, 301, &lost), 0);
    assert_true(lost == 1);
    assert_true(references_get(&r, 2) == 700 && references_get(&r, 3) == 1000);
    references_destroy(&r);
}

#define POSITIONS 500

static int add_stretch(void *opaque, uint64_t start, uint64_t end, uint64_t weight)
{
    uint64_t *weights = opaque;

    assert_true(start < end && end <= POSITIONS && weight > 0);
    for (uint64_t i = start; i < end; i++) {
        assert_true(weights[i] == 0);
        weights[i] = weight;
    }
    return 0;
}

static void sweeps_equal_a_model(void **unused)
{
    (void)unused;
    for (int round = 0; round < 500; round++) {
        uint64_t weights[POSITIONS] = { 0 }, model[POSITIONS] = { 0 }, ranges = draw(30);
        struct sweep sweep;

        assert_int_equal(sweep_init(&sweep, ranges), 0);
        for (uint64_t i = 0; i < ranges; i++) {
            uint64_t start = draw(POSITIONS), end = start + draw(POSITIONS - start);

            sweep_add(&sweep, start, end);
            for (uint64_t at = start; at < end; at++)
                model[at]++;
        }
        assert_int_equal(sweep_walk(&sweep, add_stretch, weights), 0);
        assert_memory_equal(weights, model, sizeof model);
        sweep_destroy(&sweep);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_every_width),
        cmocka_unit_test(a_uniform_page_takes_large_counts),
        cmocka_unit_test(sweeps_equal_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
