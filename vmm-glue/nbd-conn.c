/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-conn.c - one NBD connection and the thread that drives it
 *
 * The thread polls the connection's socket, an eventfd that announces tasks, and
 * the descriptors of its sources (the kicks of virtqueues).  All use of the
 * libnbd handle, all completions and all sources' callbacks happen in it, so a
 * queue served by a connection needs no lock.
 *
 * libnbd completes a command from within its own calls and allows no call back
 * into the handle from there.  So a completion only moves the request to the list
 * of ended ones, and the loop calls done afterwards, where new requests may be
 * submitted.
 *
 * The bytes of a reply to READ are counted: what a server leaves out of it would be
 * whatever the buffer held before.
 *
 * When the socket dies, libnbd fails what is in flight and the disk is lost, on
 * all its connections: from then on every request fails, FLUSH above all, because
 * what was acknowledged by the lost server can no longer be vouched for.
 */

#include <assert.h>
#include <errno.h>
#include <libnbd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "cleanup.h"
#include "nbd-conn.h"
#include "report.h"

static bool is_lost(const struct nbd_conn *conn)
{
    return __atomic_load_n(conn->lost, __ATOMIC_ACQUIRE);
}

static void end_request(struct nbd_request *request, int error)
{
    struct nbd_conn *conn = request->conn;

    request->ended = true;
    request->error = error;
    request->next = NULL;
    *conn->ended_end = request;
    conn->ended_end = &request->next;
}

static int on_chunk(void *opaque, const void *bytes, size_t count, uint64_t offset, unsigned status,
                    int *error)
{
    struct nbd_request *request = opaque;

    (void)bytes;
    if (status == LIBNBD_READ_ERROR ||
        covered_add(&request->covered, offset - request->offset, count))
        return 0;
    *error = ENOMEM;
    return -1;
}

static int on_completion(void *opaque, int *error)
{
    struct nbd_request *request = opaque;
    bool incomplete = request->op == NBD_OP_READ && !covered_all(&request->covered);

    free(request->covered.later);
    end_request(request, *error == 0 && incomplete ? EPROTO : *error);
    return 1; /* libnbd may forget the command */
}

static int64_t issue(struct nbd_conn *conn, struct nbd_request *request)
{
    nbd_completion_callback completion = { .callback = on_completion, .user_data = request };
    struct nbd_handle *nbd = conn->nbd;

    switch (request->op) {
    case NBD_OP_READ:
        request->covered = (struct covered){ .count = request->count };
        return nbd_aio_pread_structured(
            nbd, request->buf, request->count, request->offset,
            (nbd_chunk_callback){ .callback = on_chunk, .user_data = request }, completion,
            request->flags);
    case NBD_OP_WRITE:
        return nbd_aio_pwrite(nbd, request->buf, request->count, request->offset, completion,
                              request->flags);
    case NBD_OP_FLUSH: return nbd_aio_flush(nbd, completion, request->flags);
    case NBD_OP_TRIM:
        return nbd_aio_trim(nbd, request->count, request->offset, completion, request->flags);
    case NBD_OP_ZERO:
        return nbd_aio_zero(nbd, request->count, request->offset, completion, request->flags);
    }
    return -1;
}

void nbd_conn_submit(struct nbd_conn *conn, struct nbd_request *request)
{
    request->conn = conn;
    request->ended = false;
    if (is_lost(conn)) {
        end_request(request, ENOTCONN);
        return;
    }
    if (issue(conn, request) < 0 && !request->ended)
        end_request(request, nbd_get_errno() ? nbd_get_errno() : EIO);
}

void nbd_conn_watch(struct nbd_conn *conn, struct nbd_source *source)
{
    assert(conn->source_count < NBD_CONN_MAX_SOURCES);
    conn->sources[conn->source_count++] = source;
}

void nbd_conn_unwatch(struct nbd_conn *conn, struct nbd_source *source)
{
    for (unsigned i = 0; i < conn->source_count; i++)
        if (conn->sources[i] == source) {
            conn->sources[i] = conn->sources[--conn->source_count];
            return;
        }
}

void nbd_conn_post(struct nbd_conn *conn, struct nbd_task *task)
{
    LOCK_SCOPE(&conn->lock);
    task->next = NULL;
    *conn->tasks_end = task;
    conn->tasks_end = &task->next;
    eventfd_write(conn->wake_fd, 1);
}

static void run_tasks(struct nbd_conn *conn)
{
    pthread_mutex_lock(&conn->lock);
    struct nbd_task *task = conn->tasks;
    conn->tasks = NULL;
    conn->tasks_end = &conn->tasks;
    pthread_mutex_unlock(&conn->lock);
    while (task) {
        struct nbd_task *next = task->next; /* run may post the task again */
        task->run(task);
        task = next;
    }
}

static void finish_ended(struct nbd_conn *conn)
{
    while (conn->ended) {
        struct nbd_request *request = conn->ended;
        conn->ended = request->next;
        if (!conn->ended)
            conn->ended_end = &conn->ended;
        /* A success that comes in after the loss of the disk counts for nothing. */
        request->done(request, request->error == 0 && is_lost(conn) ? ENOTCONN : request->error);
    }
}

static void drive_socket(struct nbd_conn *conn, short events)
{
    int result = 0;

    if (events & (POLLIN | POLLHUP | POLLERR))
        result = nbd_aio_notify_read(conn->nbd);
    else if (events & POLLOUT)
        result = nbd_aio_notify_write(conn->nbd);
    if (result < 0 || nbd_aio_is_dead(conn->nbd) || nbd_aio_is_closed(conn->nbd)) {
        if (!__atomic_exchange_n(conn->lost, true, __ATOMIC_ACQ_REL))
            report("the NBD server of disk %s is lost, its requests fail from now on: %s",
                   conn->name, result < 0 ? nbd_get_error() : "it closed the connection");
    }
}

static short wanted_events(struct nbd_conn *conn)
{
    unsigned direction = nbd_aio_get_direction(conn->nbd);

    return (short)((direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                   (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
}

static bool is_open(struct nbd_conn *conn)
{
    return !nbd_aio_is_dead(conn->nbd) && !nbd_aio_is_closed(conn->nbd);
}

static bool must_quit(struct nbd_conn *conn)
{
    LOCK_SCOPE(&conn->lock);
    return conn->quit;
}

static void one_round(struct nbd_conn *conn)
{
    struct nbd_source *watched[NBD_CONN_MAX_SOURCES];
    unsigned count = conn->source_count;
    struct pollfd fds[2 + NBD_CONN_MAX_SOURCES] = {
        { .fd = is_open(conn) ? nbd_aio_get_fd(conn->nbd) : -1, .events = wanted_events(conn) },
        { .fd = conn->wake_fd, .events = POLLIN },
    };

    for (unsigned i = 0; i < count; i++) {
        watched[i] = conn->sources[i];
        fds[2 + i] = (struct pollfd){ .fd = watched[i]->fd, .events = POLLIN };
    }
    if (poll(fds, 2 + count, conn->ended ? 0 : -1) < 0)
        return;
    if (fds[0].revents)
        drive_socket(conn, fds[0].revents);
    for (unsigned i = 0; i < count; i++)
        if (fds[2 + i].revents)
            watched[i]->ready(watched[i]);
    finish_ended(conn);
    for (unsigned i = 0; i < count; i++)
        watched[i]->settle(watched[i]);
    if (fds[1].revents) {
        eventfd_t announced;
        eventfd_read(conn->wake_fd, &announced);
        run_tasks(conn);
    }
}

static void *run_thread(void *opaque)
{
    struct nbd_conn *conn = opaque;

    while (!must_quit(conn))
        one_round(conn);
    return NULL;
}

int nbd_conn_open(struct nbd_conn *conn, struct nbd_handle *nbd, const char *name, bool *lost)
{
    *conn = (struct nbd_conn){ .nbd = nbd, .name = name, .lost = lost };
    conn->tasks_end = &conn->tasks;
    conn->ended_end = &conn->ended;
    pthread_mutex_init(&conn->lock, NULL);
    conn->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (conn->wake_fd < 0) {
        report("cannot make an eventfd for disk %s: %s", name, strerror(errno));
        return -1;
    }
    return 0;
}

int nbd_conn_start(struct nbd_conn *conn)
{
    int error = pthread_create(&conn->thread, NULL, run_thread, conn);

    if (error) {
        report("cannot start a thread for disk %s: %s", conn->name, strerror(error));
        return -1;
    }
    conn->running = true;
    return 0;
}

void nbd_conn_close(struct nbd_conn *conn)
{
    if (conn->running) {
        pthread_mutex_lock(&conn->lock);
        conn->quit = true;
        pthread_mutex_unlock(&conn->lock);
        eventfd_write(conn->wake_fd, 1);
        pthread_join(conn->thread, NULL);
        if (nbd_aio_is_ready(conn->nbd))
            nbd_aio_disconnect(conn->nbd, 0);
    }
    nbd_close(conn->nbd);
    if (conn->wake_fd >= 0)
        close(conn->wake_fd);
    pthread_mutex_destroy(&conn->lock);
    *conn = (struct nbd_conn){ .wake_fd = -1 };
}
