/* SPDX-License-Identifier: BSD-3-Clause */
/* direct.h - O_DIRECT for callers whose buffers and offsets are not aligned for it */

#ifndef QCOW2_STORE_DIRECT_H
#define QCOW2_STORE_DIRECT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct direct {
    int fd;
    uint32_t align; /* of memory, offsets and lengths, in bytes: a power of two, 1 if any will do */

    /* Held shared by whatever changes the file; exclusively while a block is read, changed in
     * part and written back. */
    pthread_rwlock_t lock;
};

/* The descriptor stays the caller's; is_direct: it was opened with O_DIRECT. */
void direct_init(struct direct *direct, int fd, bool is_direct);
void direct_destroy(struct direct *direct);

/* As transfer_read and transfer_write. */
int direct_read(struct direct *direct, void *buf, size_t count, uint64_t offset, size_t *done);
int direct_write(struct direct *direct, const struct iovec *iov, int iovcnt, uint64_t offset);

#endif
