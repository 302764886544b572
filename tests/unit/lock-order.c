/* SPDX-License-Identifier: BSD-3-Clause */
/* lock-order.c - which image's lock is taken while another image's is held
 *
 * Two threads that take the same two locks in different orders wait for each other some day.  Here
 * one thread does it all, and what counts is the order: for no two images both may come first, and
 * nobody asks for a lock of its own.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "qcow2.h"
#include "unit/store-scratch.h"

#define MOST 8
#define SIZE "1048576"

static const qcow2_image *watched[MOST];
static unsigned nb_watched;
static unsigned held[MOST];           /* how often, by the one thread */
static bool taken_after[MOST][MOST];  /* the second while the first was held */
static const char *doing[MOST][MOST]; /* what did so first */
static const char *present;
static void (*before_taking)(void); /* once, instead of what another thread might do then */

/* ------------------------------------------------------------------------------------------------
 * Looking on
 */

/* MOST: none that is watched. */
static unsigned number_of(const pthread_rwlock_t *lock)
{
    for (unsigned i = 0; i < nb_watched; i++)
        if (lock == &watched[i]->operations)
            return i;
    return MOST;
}

static void note_taking(const pthread_rwlock_t *lock)
{
    unsigned n = number_of(lock);

    if (n == MOST)
        return;
    if (before_taking != NULL) {
        void (*once)(void) = before_taking;

        before_taking = NULL;
        once();
    }
    if (held[n])
        fail_msg("%s: %s is waited for by who holds it", present, watched[n]->filename);
    for (unsigned i = 0; i < nb_watched; i++) {
        if (!held[i])
            continue;
        if (taken_after[n][i])
            fail_msg("%s takes %s, then %s; %s takes them the other way round", present,
                     watched[i]->filename, watched[n]->filename, doing[n][i]);
        if (!taken_after[i][n])
            doing[i][n] = present;
        taken_after[i][n] = true;
    }
    held[n]++;
}

int __real_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __real_pthread_rwlock_unlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *lock);

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    note_taking(lock);
    return __real_pthread_rwlock_rdlock(lock);
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    note_taking(lock);
    return __real_pthread_rwlock_wrlock(lock);
}

int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    unsigned n = number_of(lock);

    if (n < MOST)
        held[n]--;
    return __real_pthread_rwlock_unlock(lock);
}

/* ------------------------------------------------------------------------------------------------
 * Images
 */

static void make(const char *name, const char *backing_file)
{
    qcow2_create_options *o = qcow2_create_options_new();

    assert_int_equal(qcow2_create_options_set(o, "size", SIZE), 0);
    if (backing_file != NULL) {
        assert_int_equal(qcow2_create_options_set(o, "backing_file", backing_file), 0);
        assert_int_equal(qcow2_create_options_set(o, "backing_fmt", "qcow2"), 0);
    }
    assert_int_equal(qcow2_create(name, o), 0);
    qcow2_create_options_free(o);
}

/* The image and all those below it, which can be written. */
static qcow2_image *open_chain(const char *name, unsigned depth)
{
    qcow2_open_options *o = qcow2_open_options_new();
    qcow2_image *top;

    qcow2_open_options_set_backing_policy(o, QCOW2_BACKING_ALLOW);
    qcow2_open_options_set_writable_backing(o, depth);
    top = qcow2_open(name, o);
    if (top == NULL)
        fail_msg("%s", qcow2_get_error());
    qcow2_open_options_free(o);
    return top;
}

static void watch_chain(const qcow2_image *image)
{
    for (; image != NULL; image = image->backing)
        watched[nb_watched++] = image;
}

/* ------------------------------------------------------------------------------------------------
 * What takes locks of two images
 */

static qcow2_image *image_number(unsigned n)
{
    return (qcow2_image *)(uintptr_t)watched[n];
}

static void merge(unsigned to, unsigned from)
{
    static char what[MOST * MOST][96];
    char *sentence = what[to * MOST + from];

    snprintf(sentence, sizeof what[0], "merging %s into %s", watched[from]->filename,
             watched[to]->filename);
    present = sentence;
    assert_int_equal(qcow2_bitmap_merge(image_number(to), "b", image_number(from), "b"), 0);
}

static void merge_all(void)
{
    for (unsigned i = 0; i < nb_watched; i++)
        for (unsigned k = 0; k < nb_watched; k++)
            merge(i, k);
}

static void change(qcow2_image *top, uint64_t offset)
{
    char bytes[512] = "changed";

    present = "writing";
    assert_int_equal(qcow2_pwrite(top, bytes, sizeof bytes, offset, 0), 0);
}

/* A chain of two, opened for writing throughout, and two images by themselves. */
static void test_no_two_images_are_locked_in_both_orders(void **state)
{
    qcow2_image *top, *others[2];

    (void)state;
    make("base", NULL);
    make("top", "base");
    make("first", NULL);
    make("second", NULL);
    others[0] = open_chain("first", 0);
    top = open_chain("top", 1);
    others[1] = open_chain("second", 0);
    watch_chain(top);
    watch_chain(others[0]);
    watch_chain(others[1]);
    assert_int_equal(nb_watched, 4);
    for (unsigned i = 0; i < nb_watched; i++) {
        present = "adding a bitmap";
        assert_int_equal(qcow2_bitmap_add(image_number(i), "b", 65536, 0), 0);
    }
    change(top, 4096);
    merge_all();
    present = "committing";
    assert_int_equal(qcow2_commit(top, 1, 0, 0, NULL, NULL), 0);
    merge_all();
    present = "asking what is stored in the same file";
    for (unsigned i = 0; i < nb_watched; i++)
        for (unsigned k = 0; k < nb_watched; k++)
            assert_int_equal(qcow2_uses_file_of(image_number(i), image_number(k)),
                             i == k || (i == 0 && k == 1));
    change(top, 0);
    present = "rebasing onto another image";
    assert_int_equal(qcow2_rebase(top, "first", "qcow2", others[0], 0, NULL, NULL), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(qcow2_close(others[i]), 0);
    nb_watched = 0;
    assert_int_equal(qcow2_close(top), 0);
}

/* ------------------------------------------------------------------------------------------------
 * What is read under a lock
 */

static void grow(void)
{
    assert_int_equal(qcow2_resize(image_number(0), 2 << 20, 0), 0);
}

/* Who waits for the lock sees what was done meanwhile. */
static void test_the_size_of_what_is_measured_is_read_under_its_lock(void **state)
{
    qcow2_create_options *o = qcow2_create_options_new();
    qcow2_measurement measurement;
    qcow2_image *image;

    (void)state;
    make("source", NULL);
    image = open_chain("source", 0);
    watch_chain(image);
    assert_int_equal(qcow2_create_options_set_format(o, "raw"), 0);
    present = "measuring";
    before_taking = grow;
    assert_int_equal(qcow2_measure(o, image, &measurement, sizeof measurement), 0);
    before_taking = NULL;
    assert_int_equal(measurement.required, qcow2_get_size(image));
    assert_int_equal(measurement.required, 2 << 20);
    nb_watched = 0;
    qcow2_create_options_free(o);
    assert_int_equal(qcow2_close(image), 0);
}

static unsigned nb_asked;

static void note_asking(void)
{
    nb_asked++;
}

/* The name of the data file may be changed meanwhile. */
static void test_files_are_compared_under_the_lock(void **state)
{
    qcow2_image *image;

    (void)state;
    make("disk", NULL);
    image = open_chain("disk", 0);
    watch_chain(image);
    present = "asking for a file";
    before_taking = note_asking;
    assert_int_equal(qcow2_uses_file(image, "/"), 0);
    before_taking = NULL;
    assert_int_equal(nb_asked, 1);
    nb_watched = 0;
    assert_int_equal(qcow2_close(image), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_no_two_images_are_locked_in_both_orders),
        TEST(test_the_size_of_what_is_measured_is_read_under_its_lock),
        TEST(test_files_are_compared_under_the_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
