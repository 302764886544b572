/* SPDX-License-Identifier: BSD-3-Clause */
/* fickle-server.c - an NBD server inside a test, which answers, waits, fails and hangs up as told
 */

#include "nbd/fickle-server.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/cleanup.h"

#define OPTION_REPLY_MAGIC UINT64_C(0x3e889045565a9)
#define SIMPLE_MAGIC UINT32_C(0x67446698)
#define OPTION_GO 7u
#define REPLY_ACK 1u
#define REPLY_INFO 3u
#define REPLY_UNSUPPORTED UINT32_C(0x80000001)
#define EXPORT_FLAGS (1u | 1u << 2 | 1u << 8) /* flags are there, flush, several connections */
#define ERROR_IO 5u
#define MOST_HELD 16u

struct request {
    enum nbd_request type;
    uint8_t cookie[8];
    uint64_t offset;
    uint32_t length;
};

struct connection {
    struct fickle_server *server;
    pthread_t thread;
    unsigned number;
    int fd; /* -1: it has ended; guarded by the server's lock, as is all below */
    uint8_t cache[FICKLE_SIZE];
    struct request held[MOST_HELD];
    unsigned nb_held;
};

struct fickle_server {
    deciding *decide;
    int listener;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint8_t disk[FICKLE_SIZE];
    unsigned nb_connections, nb_held;
    struct connection connections[FICKLE_MOST];
};

/* ------------------------------------------------------------------------------------------------
 * Bytes on the wire
 */

static bool take(int fd, void *bytes, size_t count)
{
    return count == 0 || recv(fd, bytes, count, MSG_WAITALL) == (ssize_t)count;
}

static bool give(int fd, const void *bytes, size_t count)
{
    return count == 0 || send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static bool answer_option(int fd, uint32_t option, uint32_t type, const void *data, uint32_t length)
{
    uint8_t reply[20];

    store_be64(reply, OPTION_REPLY_MAGIC);
    store_be32(reply + 8, option);
    store_be32(reply + 12, type);
    store_be32(reply + 16, length);
    return give(fd, reply, sizeof reply) && give(fd, data, length);
}

/* The client has the export, or is gone. */
static bool shake_hands(int fd)
{
    uint8_t flags[4], option[16], data[1024], export[2 + 8 + 2] = { 0 };

    store_be64(export + 2, FICKLE_SIZE);
    store_be16(export + 10, EXPORT_FLAGS);
    if (!give(fd, "NBDMAGICIHAVEOPT\0\3", 18) || !take(fd, flags, sizeof flags))
        return false;
    while (take(fd, option, sizeof option)) {
        uint32_t kind = load_be32(option + 8), length = load_be32(option + 12);

        if (length > sizeof data || !take(fd, data, length))
            return false;
        if (kind == OPTION_GO)
            return answer_option(fd, kind, REPLY_INFO, export, sizeof export) &&
                   answer_option(fd, kind, REPLY_ACK, NULL, 0);
        if (!answer_option(fd, kind, REPLY_UNSUPPORTED, NULL, 0))
            return false;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------------
 * Requests
 */

static void answer_locked(struct connection *c, const struct request *r, uint32_t error)
{
    uint8_t reply[16];

    if (r->type == NBD_FLUSH && error == 0)
        memcpy(c->server->disk, c->cache, FICKLE_SIZE);
    store_be32(reply, SIMPLE_MAGIC);
    store_be32(reply + 4, error);
    memcpy(reply + 8, r->cookie, sizeof r->cookie);
    if (give(c->fd, reply, sizeof reply) && r->type == NBD_READ && error == 0)
        give(c->fd, c->cache + r->offset, r->length);
}

static void hold_locked(struct connection *c, const struct request *r)
{
    if (c->nb_held == MOST_HELD)
        abort();
    c->held[c->nb_held++] = *r;
    c->server->nb_held++;
    pthread_cond_broadcast(&c->server->changed);
}

/* false: the connection is to end. */
static bool serve(struct connection *c, unsigned number)
{
    uint8_t head[28], data[FICKLE_SIZE];
    struct request r;
    enum manner manner;

    if (!take(c->fd, head, sizeof head))
        return false;
    r = (struct request){ .type = load_be16(head + 6),
                          .offset = load_be64(head + 16),
                          .length = load_be32(head + 24) };
    memcpy(r.cookie, head + 8, sizeof r.cookie);
    if (r.type == NBD_DISCONNECT || r.offset > FICKLE_SIZE || r.length > FICKLE_SIZE - r.offset ||
        (r.type == NBD_WRITE && !take(c->fd, data, r.length)))
        return false;
    LOCK_SCOPE(&c->server->lock);
    manner = c->server->decide(c->number, number, r.type);
    if (manner == HANG_UP)
        return false;
    if (r.type == NBD_WRITE)
        memcpy(c->cache + r.offset, data, r.length);
    if (manner == HOLD)
        hold_locked(c, &r);
    else
        answer_locked(c, &r, manner == FAIL ? ERROR_IO : 0);
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Connections
 */

static void *converse(void *opaque)
{
    struct connection *c = opaque;
    unsigned number = 0;

    if (shake_hands(c->fd))
        while (serve(c, number))
            number++;
    LOCK_SCOPE(&c->server->lock);
    c->server->nb_held -= c->nb_held;
    c->nb_held = 0;
    close(c->fd);
    c->fd = -1;
    return NULL;
}

static void *receive_clients(void *opaque)
{
    struct fickle_server *s = opaque;
    int fd;

    while (fd = accept(s->listener, NULL, NULL), fd >= 0) {
        struct connection *c = &s->connections[s->nb_connections];

        if (s->nb_connections == FICKLE_MOST) {
            fprintf(stderr, "FAILED: the client comes again and again\n");
            _exit(EXIT_FAILURE);
        }
        LOCK_SCOPE(&s->lock);
        *c = (struct connection){ .server = s, .number = s->nb_connections, .fd = fd };
        memcpy(c->cache, s->disk, FICKLE_SIZE);
        if (pthread_create(&c->thread, NULL, converse, c) != 0)
            abort();
        s->nb_connections++;
        pthread_cond_broadcast(&s->changed);
    }
    return NULL;
}

void fickle_server_await_connections(struct fickle_server *s, unsigned count)
{
    LOCK_SCOPE(&s->lock);
    while (s->nb_connections < count)
        pthread_cond_wait(&s->changed, &s->lock);
}

void fickle_server_await_held(struct fickle_server *s, unsigned count)
{
    LOCK_SCOPE(&s->lock);
    while (s->nb_held < count)
        pthread_cond_wait(&s->changed, &s->lock);
}

unsigned fickle_server_connections(struct fickle_server *s)
{
    LOCK_SCOPE(&s->lock);
    return s->nb_connections;
}

uint8_t *fickle_server_disk(struct fickle_server *s)
{
    return s->disk;
}

void fickle_server_release(struct fickle_server *s, enum manner manner)
{
    LOCK_SCOPE(&s->lock);
    for (unsigned i = 0; i < s->nb_connections; i++) {
        struct connection *c = &s->connections[i];

        for (unsigned h = 0; h < c->nb_held; h++)
            answer_locked(c, &c->held[h], manner == FAIL ? ERROR_IO : 0);
        s->nb_held -= c->nb_held;
        c->nb_held = 0;
    }
}

static void hang_up_locked(struct connection *c)
{
    if (c->fd != -1)
        shutdown(c->fd, SHUT_RDWR);
}

void fickle_server_hang_up(struct fickle_server *s, unsigned connection)
{
    LOCK_SCOPE(&s->lock);
    hang_up_locked(&s->connections[connection]);
}

struct fickle_server *fickle_server_new(const char *path, deciding *decide)
{
    struct fickle_server *s = calloc(1, sizeof *s);
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (s == NULL)
        abort();
    s->decide = decide;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listener, (struct sockaddr *)&address, sizeof address) == -1 ||
        listen(s->listener, 16) == -1 ||
        pthread_create(&s->thread, NULL, receive_clients, s) != 0) {
        perror(path);
        abort();
    }
    return s;
}

void fickle_server_end(struct fickle_server *s)
{
    shutdown(s->listener, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listener);
    for (unsigned i = 0; i < s->nb_connections; i++) {
        fickle_server_hang_up(s, i);
        pthread_join(s->connections[i].thread, NULL);
    }
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
