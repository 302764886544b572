/* SPDX-License-Identifier: BSD-3-Clause */
/* iov.h - walking through the buffers of a vectored request, in steps of any size */

#ifndef QCOW2_STORE_IOV_H
#define QCOW2_STORE_IOV_H

#include <stddef.h>
#include <sys/uio.h>

/* Where a walk stands; the caller's array is never changed. */
struct iov_cursor {
    const struct iovec *iov; /* the buffer it stands in */
    int iovcnt;              /* buffers left, this one included */
    size_t skip;             /* bytes of this buffer already passed */
};

static inline struct iov_cursor iov_start(const struct iovec *iov, int iovcnt)
{
    return (struct iov_cursor){ .iov = iov, .iovcnt = iovcnt };
}

/* Bytes in all buffers together; SIZE_MAX when they are more than a size_t can say. */
size_t iov_total(const struct iovec *iov, int iovcnt);

/* Pass over count bytes, no more than are left. */
void iov_advance(struct iov_cursor *cursor, size_t count);

/* Copy the next count bytes, no more than are left, and pass over them. */
void iov_gather(struct iov_cursor *cursor, void *buf, size_t count);

/* Describe what is left in at most max buffers; returns how many, 0 at the end. */
int iov_window(const struct iov_cursor *cursor, struct iovec *window, int max);

#endif
