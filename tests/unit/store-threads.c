/* SPDX-License-Identifier: BSD-3-Clause */
/* store-threads.c - threads that change neighbouring bytes of one store lose nothing
 *
 * Each thread owns every eighth stripe.  The stripes are smaller than a block and the file grows
 * under the threads, so whoever rewrites a block or extends the file can harm the others.
 */

#include "store-kinds.h"

#include <pthread.h>

#define THREADS 8
#define STRIPES 500 /* of each thread */
#define STRIPE 100u

struct worker {
    pthread_t thread;
    struct store *store;
    int number;
    bool failed;
};

static uint8_t expected(int stripe, unsigned at)
{
    return stripe % 5 == 3 ? 0 : (uint8_t)(stripe * 13 + (int)at + 1);
}

/* Of the stripes that shall read as zeroes, some were written before, some are beyond the end. */
static int change_stripe(struct store *store, int stripe)
{
    uint64_t offset = (uint64_t)stripe * STRIPE;
    bool zero = stripe % 5 == 3;
    uint8_t bytes[STRIPE];

    for (unsigned i = 0; i < STRIPE; i++)
        bytes[i] = (uint8_t)(stripe * 13 + (int)i + 1);
    if ((!zero || stripe % 3 == 0) && store_pwrite(store, bytes, STRIPE, offset) < 0)
        return -1;
    if (zero && store_zero(store, STRIPE, offset, stripe % 4 != 1) < 0)
        return -1;
    return stripe % 50 == 49 ? store_flush(store) : 0;
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    for (int i = 0; i < STRIPES && !worker->failed; i++)
        worker->failed = change_stripe(worker->store, i * THREADS + worker->number) < 0;
    return NULL;
}

static void check(struct store *store)
{
    uint64_t size;

    assert_int_equal(store_size(store, &size), 0);
    assert_int_equal(size, (uint64_t)THREADS * STRIPES * STRIPE);
    for (int stripe = 0; stripe < THREADS * STRIPES; stripe++) {
        uint8_t bytes[STRIPE];

        assert_int_equal(store_pread(store, bytes, STRIPE, (uint64_t)stripe * STRIPE), 0);
        for (unsigned i = 0; i < STRIPE; i++)
            assert_int_equal(bytes[i], expected(stripe, i));
    }
}

static void run(struct store *store)
{
    struct worker workers[THREADS];

    assert_non_null(store);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .store = store, .number = i };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_false(workers[i].failed);
    }
    check(store);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_memory),
        cmocka_unit_test(in_a_file),
        cmocka_unit_test(in_a_file_with_direct_io),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
