/* SPDX-License-Identifier: BSD-3-Clause */
/* made.c - a file that was made is not forgotten while a signal handler, in another thread, looks
 * at it */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ending.h"
#include "lock-wait.h"
#include "made.h"
#include "message.h"

#define NAME "unit-made.tmp"
#define A_WHILE 200000 /* microseconds: to forget a file takes a few */

static ending_function *at_the_end;
static atomic_bool looks, forgotten, forgotten_too_soon;

/* In the place of the commands' own: the test says when the process "ends". */
void ending_add(ending_function *function)
{
    at_the_end = function;
}

void ending_remove(ending_function *function)
{
    (void)function;
}

char *xstrdup(const char *text)
{
    char *copy = strdup(text);

    assert_non_null(copy);
    return copy;
}

/* What the handler calls with the name that it found: it takes its time. */
int lstat(const char *name, struct stat *st)
{
    if (at_the_end) {
        atomic_store(&looks, true);
        usleep(A_WHILE);
        atomic_store(&forgotten_too_soon, atomic_load(&forgotten));
    }
    return stat(atomic_load(&forgotten) ? NAME : name, st);
}

/* It does not wait here. */
bool lock_wait_pause(lock_wait *wait)
{
    (void)wait;
    return false;
}

static void *handle_signal(void *unused)
{
    at_the_end();
    return unused;
}

static void forgotten_while_looked_at(void **state)
{
    FILE *f = fopen(NAME, "w");
    pthread_t thread;
    made_file made;

    (void)state;
    assert_non_null(f);
    fclose(f);
    made_note(&made, NAME);
    assert_non_null(made.name);
    made_guard(&made);
    assert_non_null(at_the_end);
    assert_int_equal(pthread_create(&thread, NULL, handle_signal, NULL), 0);
    while (!atomic_load(&looks))
        usleep(100);
    made_forget(&made);
    atomic_store(&forgotten, true);
    pthread_join(thread, NULL);
    assert_false(atomic_load(&forgotten_too_soon));
    assert_int_equal(access(NAME, F_OK), -1);
    remove(NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(forgotten_while_looked_at) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
