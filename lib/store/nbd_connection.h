/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_connection.h - a connection to an NBD server, for any number of threads at once
 *
 * Requests of different threads are under way together.  Functions that can fail return 0 or an errno
 * value: the sentence is the caller's, who knows what was wanted of which export.  When the server is
 * gone, every request ends with ENOTCONN.
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
    bool flush, trim, zero, fast_zero, extents; /* can it? */
    bool multi_conn;                            /* a flush on one connection covers all of them */
};

/* Connect; may_name_files: the URI may name files of keys and certificates.  NULL with the error set,
 * also when cancel_fd (or -1) became readable before the server answered. */
struct nbd_connection *connection_open(const char *uri, bool may_name_files, int cancel_fd);
void connection_close(struct nbd_connection *connection);

const struct nbd_export *connection_export(const struct nbd_connection *connection);

/* Requests that are under way. */
unsigned connection_load(const struct nbd_connection *connection);

int connection_read(struct nbd_connection *connection, void *buf, size_t count, uint64_t offset);
int connection_write(struct nbd_connection *connection, const void *buf, size_t count,
                     uint64_t offset);
int connection_zero(struct nbd_connection *connection, uint64_t count, uint64_t offset,
                    bool may_punch);
int connection_trim(struct nbd_connection *connection, uint64_t count, uint64_t offset);
int connection_flush(struct nbd_connection *connection);

/* Stretches that follow each other from an offset on. */
struct nbd_extents {
    unsigned count;
    struct {
        uint32_t length; /* bytes, never 0 */
        bool zero;       /* reads as zeroes */
    } at[256];
};

/* At least one stretch, unless an error is returned. */
int connection_extents(struct nbd_connection *connection, uint64_t count, uint64_t offset,
                       struct nbd_extents *extents);

#endif
