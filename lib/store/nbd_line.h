/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_line.h - the connections to one export: requests go where they are answered soonest
 *
 * A line outlives its connections if it is told to: when the server is lost, requests wait while
 * it is connected to again, and are made there.  Functions that make requests return 0 or an errno
 * value; ENOTCONN: the server is lost for good, line_loss tells why.
 */

#ifndef QCOW2_STORE_NBD_LINE_H
#define QCOW2_STORE_NBD_LINE_H

#include "store/nbd_connection.h"

struct nbd_line;

/* open_timeout: for so many seconds, connecting is tried again; reconnect_delay: so many seconds,
 * a lost server is waited for (0: not at all).  The way stays the caller's, for as long as the line
 * lasts.  NULL with the error set. */
struct nbd_line *line_open(const struct nbd_way *way, uint64_t open_timeout,
                           uint64_t reconnect_delay);
void line_close(struct nbd_line *line);

const struct nbd_export *line_export(const struct nbd_line *line);

/* Why a lost server could not be connected to again; NULL: that was not tried. */
const char *line_loss(const struct nbd_line *line);

int line_read(struct nbd_line *line, void *buf, size_t count, uint64_t offset);
int line_write(struct nbd_line *line, const void *buf, size_t count, uint64_t offset);
int line_zero(struct nbd_line *line, uint64_t count, uint64_t offset, bool may_punch);
int line_trim(struct nbd_line *line, uint64_t count, uint64_t offset);
int line_extents(struct nbd_line *line, uint64_t count, uint64_t offset,
                 struct nbd_extents *extents);

/* Covers what was completed before, on lost connections, too.  Once a flush has failed, every later
 * one does: what was lost cannot be known. */
int line_flush(struct nbd_line *line);
bool line_flush_failed(const struct nbd_line *line);

#endif
