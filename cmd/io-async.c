/* SPDX-License-Identifier: BSD-3-Clause */
/* io-async.c - requests of qcow-io that are under way while other commands run
 *
 * Each has a thread of its own, which does nothing but make the library's call.  What became of it
 * is said by the main thread: between two commands, in the order in which requests ended, and at
 * aio_flush, close, reopen and the end, which wait for all.
 *
 *     aio_write -> begun -> [thread] -> ended -> reported
 */

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io.h"
#include "message.h"

enum {
    MAX_UNDER_WAY = 128, /* requests; one more waits */
};

typedef struct job {
    struct job *next; /* in the list of those that ended */
    io_session *session;
    io_transfer transfer;
    pthread_t thread;
} job;

struct io_async {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t end;
    unsigned under_way; /* begun and not ended */
    job *ended;         /* and not reported, the first first */
    job **last;         /* where the next one is to be linked */
    int event;          /* counts up with each that ends */
};

static io_async *async_of(io_session *session)
{
    io_async *async = session->async;

    if (async)
        return async;
    async = xrealloc(NULL, sizeof *async);
    *async = (io_async){
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .end = PTHREAD_COND_INITIALIZER,
        .last = &async->ended,
        .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
    };
    session->async = async;
    return async;
}

static void end_locked(io_async *async, job *j)
{
    uint64_t one = 1;

    *async->last = j;
    async->last = &j->next;
    async->under_way--;
    pthread_cond_signal(&async->end);
    if (async->event >= 0 && write(async->event, &one, sizeof one) < 0)
        return; /* the counter is far from its end: somebody is told already */
}

static void *work(void *opaque)
{
    job *j = opaque;
    io_async *async = j->session->async;

    io_transfer_run(j->session, &j->transfer);
    pthread_mutex_lock(&async->lock);
    end_locked(async, j);
    pthread_mutex_unlock(&async->lock);
    return NULL;
}

static void wait_for_fewer(io_async *async, unsigned max)
{
    pthread_mutex_lock(&async->lock);
    while (async->under_way > max)
        pthread_cond_wait(&async->end, &async->lock);
    pthread_mutex_unlock(&async->lock);
}

int io_async_begin(io_session *session, const io_transfer *t)
{
    io_async *async = async_of(session);
    job *j = xrealloc(NULL, sizeof *j);

    *j = (job){ .session = session, .transfer = *t };
    wait_for_fewer(async, MAX_UNDER_WAY - 1);
    pthread_mutex_lock(&async->lock);
    async->under_way++;
    if (pthread_create(&j->thread, NULL, work, j)) {
        pthread_mutex_unlock(&async->lock);
        error_report("could not start a thread");
        exit(EXIT_FAILURE);
    }
    pthread_mutex_unlock(&async->lock);
    return 0;
}

static job *take_ended(io_async *async)
{
    job *j;

    pthread_mutex_lock(&async->lock);
    j = async->ended;
    if (j)
        async->ended = j->next;
    if (!async->ended)
        async->last = &async->ended;
    pthread_mutex_unlock(&async->lock);
    return j;
}

/* Whether a request succeeded is said, and has no part in the exit status, as with qemu-io. */
void io_async_report(io_session *session, bool wait)
{
    io_async *async = session->async;
    uint64_t events;
    job *j;

    if (!async)
        return;
    if (wait)
        wait_for_fewer(async, 0);
    if (async->event >= 0 && read(async->event, &events, sizeof events) < 0)
        events = 0; /* nothing has ended since */
    while ((j = take_ended(async)) != NULL) {
        pthread_join(j->thread, NULL);
        io_transfer_finish(&j->transfer);
        free(j);
    }
}

int io_async_descriptor(const io_session *session)
{
    return session->async ? session->async->event : -1;
}

void io_async_free(io_session *session)
{
    if (!session->async)
        return;
    if (session->async->event >= 0)
        close(session->async->event);
    free(session->async);
    session->async = NULL;
}

int io_aio_flush(io_session *session, const io_command *command, const io_request *request)
{
    (void)command;
    (void)request;
    io_async_report(session, true);
    return 0;
}
