/* SPDX-License-Identifier: BSD-3-Clause */
/* transfer.c - whole reads and writes of a file descriptor */

#include "store/transfer.h"

#include "store/iov.h"

#include <errno.h>
#include <unistd.h>

/* Buffers handed to one system call, well below every system's IOV_MAX. */
#define WINDOW 128

int transfer_read(int fd, void *buf, size_t count, uint64_t offset, size_t align, size_t *done)
{
    *done = 0;
    while (*done < count) {
        ssize_t n = pread(fd, (uint8_t *)buf + *done, count - *done, (off_t)(offset + *done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        *done += (size_t)n;
        if (n == 0 || (size_t)n % align != 0)
            break;
    }
    return 0;
}

int transfer_write(int fd, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    struct iovec window[WINDOW];
    int used;

    while ((used = iov_window(&cursor, window, WINDOW)) > 0) {
        ssize_t n = pwritev(fd, window, used, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        if (n == 0)
            return ENOSPC; /* as a block device says at its end */
        iov_advance(&cursor, (size_t)n);
        offset += (uint64_t)n;
    }
    return 0;
}
