/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_connection.c - a connection to an NBD server, for any number of threads at once
 *
 * libnbd turns requests into bytes for a socket and replies into calls of a function.  Somebody
 * must watch the socket for it.  That is done by whichever thread is waiting for a reply:
 *
 *     a thread sends its request, then, until its reply is there,
 *         nobody leads:     it leads: polls the socket and lets libnbd read and write
 *         somebody leads:   it sleeps until the leader has seen its reply, or stops leading
 *
 * So a single thread needs no other to be woken, and many share the connection.  The leader polls
 * the wake descriptor, too: a request that did not fit into the socket wants it to poll for
 * writing.
 *
 * libnbd has a lock of its own in the handle, and calls completed() under it; ours is taken inside.
 * Therefore no function of libnbd is called with our lock held.
 */

#include "store/nbd_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "clock.h"
#include "covered.h"
#include "store/nbd_library.h"
#include "store/nbd_refusal.h"

#define BASE_ALLOCATION "base:allocation"
#define EXTENT_READS_AS_ZERO 2u /* of base:allocation */
#define EXTENT_IS_DIRTY 1u      /* of a bitmap's context */

#define MAX_REQUEST (32u << 20)      /* bytes; what servers accept unless they say otherwise */
#define MAX_BLOCK_SIZE (64u << 10)   /* bytes; a server that wants larger blocks is not believed */
#define MAX_ZERO (UINT32_C(1) << 30) /* bytes; lengths have 32 bits on the wire */

/* A host that has vanished without a word is noticed after about two minutes. */
enum {
    KEEPALIVE_IDLE = 60, /* seconds */
    KEEPALIVE_INTERVAL = 15,
    KEEPALIVE_COUNT = 4,
};

struct nbd_connection {
    const struct nbd_library *nbd;
    struct nbd_handle *handle;
    struct nbd_export export;
    int wake;   /* an eventfd; readable: the leader shall look again at what to poll for */
    int socket; /* libnbd's, which may close its own at any time */
    atomic_uint load;
    atomic_bool lost; /* a request has met that */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a request is done, or nobody leads any more */
    bool led;               /* guarded by lock */
};

/* One request of one thread. */
struct request {
    struct nbd_connection *connection;
    bool done;  /* guarded by the connection's lock */
    int errnum; /* guarded by it, too */
};

/* ------------------------------------------------------------------------------------------------
 * Waiting
 */

static int completed(void *opaque, int *errnum)
{
    struct request *r = opaque;
    LOCK_SCOPE(&r->connection->lock);

    r->done = true;
    r->errnum = *errnum;
    pthread_cond_broadcast(&r->connection->changed);
    return 1; /* libnbd may forget the request */
}

static bool is_over(const struct nbd_connection *c)
{
    return c->nbd->nbd_aio_is_dead(c->handle) || c->nbd->nbd_aio_is_closed(c->handle);
}

static void drain(int eventfd)
{
    uint64_t count;

    if (read(eventfd, &count, sizeof count) < 0) {
        /* nothing was there: nobody minds */
    }
}

/* Poll once, for so many milliseconds (-1: no limit), and let libnbd do what can be done.  Returns
 * 0 or an errno value. */
static int turn(struct nbd_connection *c, int other_fd, int timeout)
{
    unsigned direction = c->nbd->nbd_aio_get_direction(c->handle);
    struct pollfd fds[2] = { { .fd = c->nbd->nbd_aio_get_fd(c->handle) },
                             { .fd = other_fd, .events = POLLIN } };
    int ready;

    fds[0].events = (short)((direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                            (direction & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0));
    ready = poll(fds, 2, timeout);
    if (ready < 0)
        return errno == EINTR ? 0 : errno;
    if (ready == 0)
        return ETIMEDOUT;
    if (fds[1].revents)
        return ECANCELED;
    if (direction & LIBNBD_AIO_DIRECTION_READ && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
        c->nbd->nbd_aio_notify_read(c->handle);
    else if (direction & LIBNBD_AIO_DIRECTION_WRITE && fds[0].revents)
        c->nbd->nbd_aio_notify_write(c->handle);
    return 0;
}

/* Lead until the request is done.  When the connection ends, libnbd completes all requests. */
static void lead(struct nbd_connection *c, const struct request *r)
{
    c->led = true;
    while (!r->done) {
        pthread_mutex_unlock(&c->lock);
        if (turn(c, c->wake, -1) == ECANCELED)
            drain(c->wake);
        pthread_mutex_lock(&c->lock);
    }
    c->led = false;
    pthread_cond_broadcast(&c->changed);
}

static int wait_for(struct nbd_connection *c, struct request *r)
{
    LOCK_SCOPE(&c->lock);

    while (!r->done) {
        if (c->led)
            pthread_cond_wait(&c->changed, &c->lock);
        else
            lead(c, r);
    }
    return r->errnum;
}

/* What was sent in part wants a leader that polls for writing. */
static void wake_leader(struct nbd_connection *c)
{
    bool wanted = c->nbd->nbd_aio_get_direction(c->handle) & LIBNBD_AIO_DIRECTION_WRITE;
    uint64_t one = 1;
    LOCK_SCOPE(&c->lock);

    if (wanted && c->led && write(c->wake, &one, sizeof one) < 0) {
        /* the counter is full: the leader will wake */
    }
}

/* ------------------------------------------------------------------------------------------------
 * Requests
 */

static bool is_loss(int errnum)
{
    return errnum == ECONNRESET || errnum == EPIPE || errnum == ESHUTDOWN || errnum == ENOTCONN;
}

/* Wait for what libnbd gave this cookie; negative: it was not even sent. */
static int finish(struct nbd_connection *c, struct request *r, int64_t cookie)
{
    int errnum;

    if (cookie >= 0) {
        atomic_fetch_add(&c->load, 1);
        wake_leader(c);
        errnum = wait_for(c, r);
        atomic_fetch_sub(&c->load, 1);
    } else {
        errnum = is_over(c) ? ENOTCONN : c->nbd->nbd_get_errno();
        errnum = errnum ? errnum : EIO;
    }
    if (!is_loss(errnum))
        return errnum;
    atomic_store(&c->lost, true);
    return ENOTCONN;
}

static nbd_completion_callback completion(struct request *r)
{
    return (nbd_completion_callback){ .callback = completed, .user_data = r };
}

/* What is read, and how much of it has come. */
struct reading {
    uint64_t offset;
    struct covered covered;
};

static int take_chunk(void *opaque, const void *bytes, size_t count, uint64_t offset,
                      unsigned status, int *errnum)
{
    struct reading *reading = opaque;

    (void)bytes;
    if (status == LIBNBD_READ_ERROR ||
        covered_add(&reading->covered, offset - reading->offset, count))
        return 0;
    *errnum = ENOMEM;
    return -1;
}

/* Where no byte came for, there would be what the memory held before. */
int connection_read(struct nbd_connection *c, void *buf, size_t count, uint64_t offset)
{
    struct reading reading = { .offset = offset, .covered.count = count };
    nbd_chunk_callback take = { .callback = take_chunk, .user_data = &reading };
    struct request r = { .connection = c };
    int errnum = finish(
        c, &r,
        c->nbd->nbd_aio_pread_structured(c->handle, buf, count, offset, take, completion(&r), 0));

    if (errnum == 0 && !covered_all(&reading.covered))
        errnum = EPROTO;
    free(reading.covered.later);
    return errnum;
}

int connection_write(struct nbd_connection *c, const void *buf, size_t count, uint64_t offset)
{
    struct request r = { .connection = c };

    return finish(c, &r, c->nbd->nbd_aio_pwrite(c->handle, buf, count, offset, completion(&r), 0));
}

int connection_zero(struct nbd_connection *c, uint64_t count, uint64_t offset, bool may_punch,
                    bool fast)
{
    uint32_t flags = (may_punch ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) |
                     (fast && c->export.fast_zero ? LIBNBD_CMD_FLAG_FAST_ZERO : 0);
    struct request r = { .connection = c };

    return finish(c, &r, c->nbd->nbd_aio_zero(c->handle, count, offset, completion(&r), flags));
}

int connection_trim(struct nbd_connection *c, uint64_t count, uint64_t offset)
{
    struct request r = { .connection = c };

    return finish(c, &r, c->nbd->nbd_aio_trim(c->handle, count, offset, completion(&r), 0));
}

int connection_flush(struct nbd_connection *c)
{
    struct request r = { .connection = c };

    return finish(c, &r, c->nbd->nbd_aio_flush(c->handle, completion(&r), 0));
}

/* Pairs of length and flags, as the server sends them. */
static int take_extents(void *opaque, const char *context, uint64_t offset, uint32_t *entries,
                        size_t nb_entries, int *errnum)
{
    struct nbd_extents *extents = opaque;
    bool base = strcmp(context, BASE_ALLOCATION) == 0; /* else the one bitmap that was asked for */

    (void)offset;
    (void)errnum;
    for (size_t i = 0; i + 1 < nb_entries && entries[i] > 0; i += 2) {
        if (extents->count == sizeof extents->at / sizeof extents->at[0])
            break;
        extents->at[extents->count].length = entries[i];
        extents->at[extents->count].zero = base && entries[i + 1] & EXTENT_READS_AS_ZERO;
        extents->at[extents->count++].dirty = !base && entries[i + 1] & EXTENT_IS_DIRTY;
    }
    return 0;
}

int connection_extents(struct nbd_connection *c, uint64_t count, uint64_t offset,
                       struct nbd_extents *extents)
{
    nbd_extent_callback take = { .callback = take_extents, .user_data = extents };
    struct request r = { .connection = c };
    int errnum;

    extents->count = 0;
    errnum = finish(
        c, &r, c->nbd->nbd_aio_block_status(c->handle, count, offset, take, completion(&r), 0));
    return errnum == 0 && extents->count == 0 ? EPROTO : errnum;
}

unsigned connection_load(const struct nbd_connection *c)
{
    return atomic_load(&c->load);
}

bool connection_is_lost(const struct nbd_connection *c)
{
    return atomic_load(&c->lost);
}

const struct nbd_export *connection_export(const struct nbd_connection *c)
{
    return &c->export;
}

/* ------------------------------------------------------------------------------------------------
 * Connecting
 */

static int connect_failed(const struct nbd_connection *c, const char *uri)
{
    return nbd_refusal(uri, c->nbd->nbd_get_error(), c->nbd->nbd_get_errno());
}

int64_t connection_clock(void)
{
    struct timespec now = clock_now();

    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static int milliseconds_until(int64_t deadline)
{
    int64_t left = deadline - connection_clock();

    return left > 0 ? (int)left : 0;
}

static int shake_hands(struct nbd_connection *c, const char *uri, int64_t milliseconds,
                       int cancel_fd)
{
    int64_t deadline = connection_clock() + milliseconds;
    int errnum = 0;

    if (c->nbd->nbd_aio_connect_uri(c->handle, uri) == -1)
        return connect_failed(c, uri);
    while (errnum == 0 && c->nbd->nbd_aio_is_connecting(c->handle))
        errnum = turn(c, cancel_fd, milliseconds_until(deadline));
    if (errnum == ETIMEDOUT)
        return error_set(ETIMEDOUT,
                         "Could not open '%s': the server did not answer in %" PRId64 " seconds",
                         uri, (milliseconds + 999) / 1000);
    if (errnum != 0)
        return error_system(errnum, "Could not open '%s'", uri);
    return c->nbd->nbd_aio_is_ready(c->handle) ? 0 : connect_failed(c, uri);
}

static void keep_alive(int fd)
{
    static const struct {
        int level, option, value;
    } options[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL },
        { IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT },
        { IPPROTO_TCP, TCP_USER_TIMEOUT,
          1000 * (KEEPALIVE_IDLE + KEEPALIVE_INTERVAL * KEEPALIVE_COUNT) },
    };
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;

    if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0 ||
        (peer.ss_family != AF_INET && peer.ss_family != AF_INET6))
        return;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(int));
}

static const char *context_of(const struct nbd_way *way)
{
    return way->dirty_bitmap ? way->dirty_bitmap : BASE_ALLOCATION;
}

/* What the server says may be anything. */
static int ask(struct nbd_connection *c, const struct nbd_way *way)
{
    const struct nbd_library *nbd = c->nbd;
    const char *uri = way->uri;
    int64_t size = nbd->nbd_get_size(c->handle);
    int64_t block = nbd->nbd_get_block_size(c->handle, LIBNBD_SIZE_MINIMUM);
    int64_t max = nbd->nbd_get_block_size(c->handle, LIBNBD_SIZE_MAXIMUM);

    block = block > 0 ? block : 1;
    max = max > 0 && max < MAX_REQUEST ? max : MAX_REQUEST;
    if (size < 0)
        return error_set(EOVERFLOW, "Could not open '%s': the server tells no size below 2^63",
                         uri);
    if (block > MAX_BLOCK_SIZE || (block & (block - 1)) != 0 || max < block)
        return error_set(EPROTO,
                         "Could not open '%s': the server wants requests of %" PRId64 " to %" PRId64
                         " bytes",
                         uri, block, max);
    c->export = (struct nbd_export){
        .size = (uint64_t)size,
        .block_size = (uint32_t)block,
        .max_request = (uint32_t)round_down((uint64_t)max, (uint64_t)block),
        .read_only = nbd->nbd_is_read_only(c->handle) == 1,
        .flush = nbd->nbd_can_flush(c->handle) == 1,
        .trim = nbd->nbd_can_trim(c->handle) == 1,
        .zero = nbd->nbd_can_zero(c->handle) == 1,
        .fast_zero = nbd->nbd_can_fast_zero(c->handle) == 1,
        .extents = nbd->nbd_can_meta_context(c->handle, context_of(way)) == 1,
        .multi_conn = nbd->nbd_can_multi_conn(c->handle) == 1,
    };
    if (way->dirty_bitmap && !c->export.extents)
        return error_set(EINVAL, "Could not open '%s': requested x-dirty-bitmap %s not found", uri,
                         way->dirty_bitmap);
    return 0;
}

static struct nbd_connection *connection_new(const struct nbd_library *nbd)
{
    struct nbd_connection *c = calloc(1, sizeof *c);

    if (c == NULL)
        return error_no_memory();
    c->nbd = nbd;
    c->handle = nbd->nbd_create();
    c->socket = -1;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    if (c->handle != NULL && c->wake >= 0)
        return c;
    error_system(errno, "Could not prepare to connect to an NBD server");
    connection_close(c);
    return NULL;
}

static int set_tls_hostname(struct nbd_connection *c, const struct nbd_way *way)
{
    if (way->tls_hostname == NULL)
        return 0;
    if (c->nbd->nbd_set_tls_hostname == NULL)
        return error_set(
            ENOTSUP,
            "Could not open '%s': tls-hostname needs libnbd 1.22 or a newer one, which "
            "is not installed",
            way->uri);
    return c->nbd->nbd_set_tls_hostname(c->handle, way->tls_hostname) == -1
               ? connect_failed(c, way->uri)
               : 0;
}

static int prepare(struct nbd_connection *c, const struct nbd_way *way)
{
    if (c->nbd->nbd_set_pread_initialize(c->handle, false) == -1 ||
        c->nbd->nbd_set_uri_allow_local_file(c->handle, way->may_name_files) == -1 ||
        c->nbd->nbd_add_meta_context(c->handle, context_of(way)) == -1)
        return connect_failed(c, way->uri);
    return set_tls_hostname(c, way);
}

struct nbd_connection *connection_open(const struct nbd_way *way, int64_t milliseconds,
                                       int cancel_fd)
{
    const struct nbd_library *nbd = nbd_library();
    struct nbd_connection *c = nbd ? connection_new(nbd) : NULL;

    if (c == NULL)
        return NULL;
    if (prepare(c, way) == 0 && shake_hands(c, way->uri, milliseconds, cancel_fd) == 0 &&
        ask(c, way) == 0) {
        c->socket = fcntl(nbd->nbd_aio_get_fd(c->handle), F_DUPFD_CLOEXEC, 0);
        keep_alive(c->socket);
        return c;
    }
    connection_close(c);
    return NULL;
}

/* Whoever leads sees that the server says no more. */
void connection_break(struct nbd_connection *c)
{
    shutdown(c->socket, SHUT_RDWR);
}

void connection_close(struct nbd_connection *c)
{
    if (c->handle && c->nbd->nbd_aio_is_ready(c->handle))
        c->nbd->nbd_aio_disconnect(c->handle, 0);
    c->nbd->nbd_close(c->handle);
    if (c->wake >= 0)
        close(c->wake);
    if (c->socket >= 0)
        close(c->socket);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
