/* SPDX-License-Identifier: BSD-3-Clause */
/* pipeline.c - windows are planned and finished in order, worked on by many, and never more of them
 * than there are slots */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline.h"

#define NB_SLOTS 5
#define NEVER UINT64_MAX

typedef struct {
    uint64_t number;
    uint64_t square; /* what the work stage makes of the number */
} window;

typedef struct {
    uint64_t nb_windows;
    uint64_t stop_at; /* finish returns 7 for this one, or NEVER */
    uint64_t planned;
    uint64_t finished;
    atomic_int planning; /* how many threads are in the plan stage */
    atomic_int working;
    atomic_uint most; /* windows on the way, at the most */
    atomic_ullong nb_finished;
} job;

static bool plan(void *opaque, void *slot)
{
    job *j = opaque;
    window *w = slot;
    bool there = j->planned < j->nb_windows;

    assert_int_equal(atomic_fetch_add(&j->planning, 1), 0);
    if (there) {
        unsigned on_the_way = (unsigned)(j->planned + 1 - atomic_load(&j->nb_finished));

        *w = (window){ .number = j->planned++ };
        if (on_the_way > atomic_load(&j->most))
            atomic_store(&j->most, on_the_way);
    }
    atomic_fetch_sub(&j->planning, 1);
    return there;
}

/* Later windows are often ready first. */
static void work(void *opaque, void *slot)
{
    job *j = opaque;
    window *w = slot;

    atomic_fetch_add(&j->working, 1);
    if (w->number % 3 == 0)
        usleep(300);
    w->square = w->number * w->number;
    atomic_fetch_sub(&j->working, 1);
}

static int finish(void *opaque, void *slot)
{
    job *j = opaque;
    const window *w = slot;

    assert_int_equal(w->number, j->finished);
    assert_int_equal(w->square, w->number * w->number);
    j->finished++;
    atomic_fetch_add(&j->nb_finished, 1);
    return w->number == j->stop_at ? 7 : 0;
}

static int run(job *j, unsigned nb_slots, unsigned nb_workers)
{
    static const pipeline_stages stages = { plan, work, finish };
    window windows[NB_SLOTS];
    void *slots[NB_SLOTS];
    int result;

    for (unsigned i = 0; i < NB_SLOTS; i++)
        slots[i] = &windows[i];
    result = pipeline_run(&stages, j, slots, nb_slots, nb_workers);
    assert_int_equal(atomic_load(&j->working), 0);
    return result;
}

static void every_window_in_order(void **state)
{
    (void)state;
    for (unsigned nb_workers = 0; nb_workers <= 8; nb_workers++) {
        job j = { .nb_windows = 500, .stop_at = NEVER };

        assert_int_equal(run(&j, NB_SLOTS, nb_workers), 0);
        assert_int_equal(j.finished, 500);
        assert_true(atomic_load(&j.most) <= NB_SLOTS);
    }
}

static void one_slot_is_enough(void **state)
{
    job j = { .nb_windows = 50, .stop_at = NEVER };

    (void)state;
    assert_int_equal(run(&j, 1, 4), 0);
    assert_int_equal(j.finished, 50);
    assert_int_equal(atomic_load(&j.most), 1);
}

static void no_window_at_all(void **state)
{
    (void)state;
    for (unsigned nb_workers = 0; nb_workers <= 2; nb_workers++) {
        job j = { .nb_windows = 0, .stop_at = NEVER };

        assert_int_equal(run(&j, NB_SLOTS, nb_workers), 0);
        assert_int_equal(j.finished, 0);
    }
}

static void finish_ends_the_job(void **state)
{
    (void)state;
    for (unsigned nb_workers = 0; nb_workers <= 8; nb_workers += 2) {
        for (uint64_t stop_at = 0; stop_at < 100; stop_at += 33) {
            job j = { .nb_windows = 100, .stop_at = stop_at };

            assert_int_equal(run(&j, NB_SLOTS, nb_workers), 7);
            assert_int_equal(j.finished, stop_at + 1);
            assert_true(j.planned <= stop_at + 1 + NB_SLOTS);
        }
    }
}

static void useful_workers(void **state)
{
    (void)state;
    assert_int_equal(pipeline_useful_workers(8, 0), 0);
    assert_int_equal(pipeline_useful_workers(8, 1), 0);
    assert_int_equal(pipeline_useful_workers(8, 2), 2);
    assert_int_equal(pipeline_useful_workers(1, 1000), 1);
    assert_in_range(pipeline_useful_workers(16, 1000), 2, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_window_in_order), cmocka_unit_test(one_slot_is_enough),
        cmocka_unit_test(no_window_at_all),      cmocka_unit_test(finish_ends_the_job),
        cmocka_unit_test(useful_workers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
