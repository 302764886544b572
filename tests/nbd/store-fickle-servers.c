/* SPDX-License-Identifier: BSD-3-Clause */
/* store-fickle-servers.c - a store on servers that come, go and fail at the worst moment
 *
 * fickle-server.h says what these are like: each connection leads to another cache above the one
 * disk.  What a store may promise is what reached the disk.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/error.h"
#include "nbd/fickle-server.h"
#include "store/nbd.h"
#include "store/store.h"
#include "unit/store-scratch.h"

#define BLOCK 4096u
#define READERS 8
#define A_SERVER "nbd+unix:///?socket=a"

static struct store *open_store(const char *uri, uint64_t reconnect_delay)
{
    struct store *store =
        store_nbd_open(uri, 0, &(struct nbd_options){ .reconnect_delay = reconnect_delay });

    if (store == NULL)
        fail_msg("%s", error_message());
    return store;
}

static void write_block(struct store *store, uint64_t number, int byte)
{
    uint8_t block[BLOCK];

    memset(block, byte, BLOCK);
    assert_int_equal(store_pwrite(store, block, BLOCK, number * BLOCK), 0);
}

static void assert_block(struct store *store, uint64_t number, int byte)
{
    uint8_t block[BLOCK];

    assert_int_equal(store_pread(store, block, BLOCK, number * BLOCK), 0);
    for (unsigned i = 0; i < BLOCK; i++)
        assert_int_equal(block[i], byte);
}

static void rest(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
}

/* ------------------------------------------------------------------------------------------------
 * Threads with a request each
 */

struct worker {
    pthread_t thread;
    struct store *store;
    int result;
};

static void *read_one(void *opaque)
{
    struct worker *w = opaque;
    uint8_t block[BLOCK];

    w->result = store_pread(w->store, block, BLOCK, 8 * BLOCK);
    return NULL;
}

static void *flush_once(void *opaque)
{
    struct worker *w = opaque;

    w->result = store_flush(w->store);
    return NULL;
}

static void start(struct worker *w, struct store *store, void *(*work)(void *))
{
    w->store = store;
    assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
}

static int result_of(struct worker *w)
{
    pthread_join(w->thread, NULL);
    return w->result;
}

/* ------------------------------------------------------------------------------------------------
 * Several connections
 */

static atomic_bool holding;

static enum manner holds_reads(unsigned connection, unsigned number, enum nbd_request request)
{
    (void)connection;
    (void)number;
    return holding && request == NBD_READ ? HOLD : ANSWER;
}

/* Requests that meet, and are held: the store wishes for more connections.  Two would do, but that
 * a request counts only a moment after it was sent. */
static void meet(struct fickle_server *server, struct store *store, struct worker readers[READERS])
{
    for (unsigned i = 0; i < READERS; i++) {
        start(&readers[i], store, read_one);
        fickle_server_await_held(server, i + 1);
    }
}

/* Where a lost server is waited for, a flush covers what was written because it goes where that
 * went.  When a store that does not wait has all its connections, one that began to open them
 * before has some, too. */
static void test_flush_goes_where_writes_went(void **state)
{
    struct fickle_server *server = fickle_server_new("a", holds_reads);
    struct fickle_server *other = fickle_server_new("b", holds_reads);
    struct store *store = open_store(A_SERVER, 20);
    struct store *impatient = open_store("nbd+unix:///?socket=b", 0);
    struct worker readers[2 * READERS];

    (void)state;
    holding = true;
    write_block(store, 0, 0x11);
    meet(server, store, readers);
    meet(other, impatient, readers + READERS);
    fickle_server_await_connections(other, 4);
    write_block(store, 1, 0x22);
    assert_int_equal(store_flush(store), 0);
    holding = false;
    fickle_server_hang_up(server, 0);
    fickle_server_release(other, ANSWER);
    for (unsigned i = 0; i < 2 * READERS; i++)
        assert_int_equal(result_of(&readers[i]), 0);
    assert_block(store, 0, 0x11);
    assert_block(store, 1, 0x22);
    assert_int_equal(fickle_server_connections(server), 2);
    store_close(store);
    store_close(impatient);
    fickle_server_end(server);
    fickle_server_end(other);
}

/* ------------------------------------------------------------------------------------------------
 * Connections that are lost while the first is not
 */

static atomic_bool losing;
static atomic_uint hung_up;

static enum manner keeps_the_first(unsigned connection, unsigned number, enum nbd_request request)
{
    if (!losing || connection == 0)
        return holds_reads(connection, number, request);
    hung_up++;
    return HANG_UP;
}

/* With such a connection go the requests that are held there: all are made again. */
static void test_reads_go_from_lost_connections_to_the_first(void **state)
{
    struct fickle_server *server = fickle_server_new("a", keeps_the_first);
    struct store *store = open_store(A_SERVER, 0);
    struct worker readers[2 * READERS];
    unsigned count = READERS;

    (void)state;
    holding = true;
    meet(server, store, readers);
    fickle_server_await_connections(server, 4);
    losing = true;
    while (hung_up == 0 && count < 2 * READERS) {
        start(&readers[count++], store, read_one);
        rest();
    }
    assert_true(hung_up > 0);
    holding = false;
    fickle_server_release(server, ANSWER);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(result_of(&readers[i]), 0);
    write_block(store, 0, 0x11);
    assert_int_equal(store_flush(store), 0);
    assert_block(store, 0, 0x11);
    losing = false;
    store_close(store);
    fickle_server_end(server);
}

/* ------------------------------------------------------------------------------------------------
 * Flushes that meet
 */

static enum manner first_flush_is_held(unsigned connection, unsigned number,
                                       enum nbd_request request)
{
    static bool was;

    (void)connection;
    if (number == 0)
        was = false;
    if (request != NBD_FLUSH || was)
        return ANSWER;
    was = true;
    return HOLD;
}

/* Who flushes while another one does is told what became of that. */
static void flush_twice(enum manner manner, int expected)
{
    struct fickle_server *server = fickle_server_new("a", first_flush_is_held);
    struct store *store = open_store(A_SERVER, 0);
    struct worker first, second;

    write_block(store, 0, 0x11);
    start(&first, store, flush_once);
    fickle_server_await_held(server, 1);
    start(&second, store, flush_once);
    rest(); /* the second has the time to say too much */
    fickle_server_release(server, manner);
    assert_int_equal(result_of(&first), expected);
    assert_int_equal(result_of(&second), expected);
    assert_int_equal(store_flush(store), expected);
    store_close(store);
    fickle_server_end(server);
    unlink("a");
}

static void test_second_flush_waits_for_first(void **state)
{
    (void)state;
    flush_twice(ANSWER, 0);
    flush_twice(FAIL, -1);
}

/* ------------------------------------------------------------------------------------------------
 * Servers that only hang up
 */

static enum manner always_hangs_up(unsigned connection, unsigned number, enum nbd_request request)
{
    (void)connection;
    (void)number;
    (void)request;
    return HANG_UP;
}

/* A write is acknowledged, and never again. */
static enum manner hangs_up_after_write(unsigned connection, unsigned number,
                                        enum nbd_request request)
{
    return connection == 0 && number == 0 && request == NBD_WRITE ? ANSWER : HANG_UP;
}

/* The server counts (FICKLE_MOST): an attempt each 50 ms for a second makes 20, and no number of
 * attempts is enough for those who take none into account. */
static void test_server_that_hangs_up_is_given_up(void **state)
{
    struct fickle_server *server = fickle_server_new("a", always_hangs_up);
    struct store *store = open_store(A_SERVER, 1);
    uint8_t block[BLOCK];

    (void)state;
    assert_int_equal(store_pread(store, block, BLOCK, 0), -1);
    assert_true(fickle_server_connections(server) > 1);
    assert_int_equal(store_flush(store), -1);
    store_close(store);
    fickle_server_end(server);
}

static void test_server_that_takes_no_journal_is_given_up(void **state)
{
    struct fickle_server *server = fickle_server_new("a", hangs_up_after_write);
    struct store *store = open_store(A_SERVER, 1);

    (void)state;
    write_block(store, 0, 0x11);
    assert_int_equal(store_flush(store), -1);
    assert_non_null(strstr(error_message(), "hangs up again and again"));
    assert_int_equal(store_flush(store), -1);
    store_close(store);
    fickle_server_end(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_flush_goes_where_writes_went),
        TEST(test_reads_go_from_lost_connections_to_the_first),
        TEST(test_second_flush_waits_for_first),
        TEST(test_server_that_hangs_up_is_given_up),
        TEST(test_server_that_takes_no_journal_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
