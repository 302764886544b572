/* SPDX-License-Identifier: BSD-3-Clause */
/* transfer.h - whole reads and writes of a file descriptor
 *
 * The system may move fewer bytes than asked or be interrupted; these go on until all is done.
 * They return 0 or an errno value: the sentence is the caller's, who knows the file's name.
 */

#ifndef QCOW2_STORE_TRANSFER_H
#define QCOW2_STORE_TRANSFER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Read up to the end of the file; *done says how many bytes that were.  align is 1, or for a
 * descriptor with O_DIRECT its alignment: a read that ends off it has met the end. */
int transfer_read(int fd, void *buf, size_t count, uint64_t offset, size_t align, size_t *done);

int transfer_write(int fd, const struct iovec *iov, int iovcnt, uint64_t offset);

#endif
