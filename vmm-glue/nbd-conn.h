/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-conn.h - one NBD connection and the thread that drives it */

#ifndef VMM_NBD_CONN_H
#define VMM_NBD_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "covered.h"

struct nbd_handle;
struct nbd_conn;

enum nbd_op { NBD_OP_READ, NBD_OP_WRITE, NBD_OP_FLUSH, NBD_OP_TRIM, NBD_OP_ZERO };

/* A request belongs to the connection from nbd_conn_submit until done is called. */
struct nbd_request {
    enum nbd_op op;
    uint32_t flags; /* LIBNBD_CMD_FLAG_* */
    void *buf;      /* of READ and WRITE */
    uint64_t count; /* bytes */
    uint64_t offset;
    void (*done)(struct nbd_request *request, int error); /* 0 or an errno */

    /* the connection's own */
    struct nbd_conn *conn;
    struct nbd_request *next; /* in the list of ended requests */
    bool ended;
    int error;
    struct covered covered; /* what has come of a READ */
};

/* Something whose descriptor the thread watches. */
struct nbd_source {
    int fd;
    void (*ready)(struct nbd_source *source);  /* fd is readable */
    void (*settle)(struct nbd_source *source); /* a round of events is over */
};

/* Work for the thread from elsewhere; the caller's until run is called. */
struct nbd_task {
    void (*run)(struct nbd_task *task);
    struct nbd_task *next;
};

#define NBD_CONN_MAX_SOURCES 16

struct nbd_conn {
    struct nbd_handle *nbd; /* the thread's, once it runs */
    bool *lost;             /* atomic, shared by the disk's connections */
    const char *name;       /* of the disk, for messages */
    pthread_t thread;
    bool running;
    int wake_fd; /* eventfd: there are tasks */

    pthread_mutex_t lock; /* guards tasks and quit */
    struct nbd_task *tasks;
    struct nbd_task **tasks_end;
    bool quit;

    /* the thread's own */
    struct nbd_request *ended;
    struct nbd_request **ended_end;
    struct nbd_source *sources[NBD_CONN_MAX_SOURCES];
    unsigned source_count;
};

/* Takes over the connected handle, even when it fails. */
int nbd_conn_open(struct nbd_conn *conn, struct nbd_handle *nbd, const char *name, bool *lost);

/* Starts the thread, to which the handle belongs from then on. */
int nbd_conn_start(struct nbd_conn *conn);

/* Stops the thread, if it runs, and closes the handle; no request may be under way. */
void nbd_conn_close(struct nbd_conn *conn);

/* Runs the task in the thread, soon. */
void nbd_conn_post(struct nbd_conn *conn, struct nbd_task *task);

/* The rest is for the thread only: tasks, sources and completions. */
void nbd_conn_submit(struct nbd_conn *conn, struct nbd_request *request);
void nbd_conn_watch(struct nbd_conn *conn, struct nbd_source *source);
void nbd_conn_unwatch(struct nbd_conn *conn, struct nbd_source *source);

#endif
