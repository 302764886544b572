/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_connection.h - a connection to an NBD server, for any number of threads at once
 *
 * Requests of different threads are under way together.  Functions that can fail return 0 or an
 * errno value: the sentence is the caller's, who knows what was wanted of which export.  When the
 * server is gone, every request ends with ENOTCONN.
 */

#ifndef QCOW2_STORE_NBD_CONNECTION_H
#define QCOW2_STORE_NBD_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nbd_connection;

/* What the server says of the export, held against what can be true. */
struct nbd_export {
    uint64_t size;        /* bytes */
    uint32_t block_size;  /* bytes: requests must be made of such blocks; a power of two */
    uint32_t max_request; /* bytes of a read or a write */
    bool read_only;
    bool flush, trim, zero, fast_zero, extents; /* can it? (extents: in the context asked for) */
    bool multi_conn;                            /* a flush on one connection covers all of them */
};

/* How an export is reached. */
struct nbd_way {
    char *uri;
    bool may_name_files; /* the URI, of keys and certificates */
    char *tls_hostname;  /* that the server's certificate must bear; NULL: the URI's */
    char *dirty_bitmap;  /* the context asked for instead of base:allocation; NULL: that */
};

/* Connect, if that can be done in so many milliseconds.  NULL with the error set, also when
 * cancel_fd (or -1) became readable before the server answered. */
struct nbd_connection *connection_open(const struct nbd_way *way, int64_t milliseconds,
                                       int cancel_fd);
void connection_close(struct nbd_connection *connection);

/* The server is not believed to answer any more: requests under way end with ENOTCONN. */
void connection_break(struct nbd_connection *connection);

/* Milliseconds, of a clock that nobody sets. */
int64_t connection_clock(void);

/* A server that accepts a connection and then says nothing would be waited for for ever.  Once it
 * has answered, requests may take as long as they take. */
#define HANDSHAKE_MILLISECONDS 30000

const struct nbd_export *connection_export(const struct nbd_connection *connection);

/* Requests that are under way. */
unsigned connection_load(const struct nbd_connection *connection);

/* Did a request end with ENOTCONN? */
bool connection_is_lost(const struct nbd_connection *connection);

/* EPROTO: the server gave less than it was asked for. */
int connection_read(struct nbd_connection *connection, void *buf, size_t count, uint64_t offset);
int connection_write(struct nbd_connection *connection, const void *buf, size_t count,
                     uint64_t offset);
/* fast: fail where that is no faster than to write, if the server knows that. */
int connection_zero(struct nbd_connection *connection, uint64_t count, uint64_t offset,
                    bool may_punch, bool fast);
int connection_trim(struct nbd_connection *connection, uint64_t count, uint64_t offset);
int connection_flush(struct nbd_connection *connection);

/* Stretches that follow each other from an offset on. */
struct nbd_extents {
    unsigned count;
    struct {
        uint32_t length; /* bytes, never 0 */
        bool zero;       /* reads as zeroes */
        bool dirty;      /* in the bitmap, where that is asked for */
    } at[256];
};

/* At least one stretch, unless an error is returned. */
int connection_extents(struct nbd_connection *connection, uint64_t count, uint64_t offset,
                       struct nbd_extents *extents);

#endif
