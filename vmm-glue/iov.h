/* SPDX-License-Identifier: BSD-3-Clause */
/* iov.h - scattered bytes treated as one run */

#ifndef VMM_IOV_H
#define VMM_IOV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

uint64_t iov_length(const struct iovec *iov, unsigned count);

/* Copies at most length bytes that start at the given position of the run;
 * returns how many there were.
 */
size_t iov_read(const struct iovec *iov, unsigned count, uint64_t position, void *buf,
                size_t length);
size_t iov_write(const struct iovec *iov, unsigned count, uint64_t position, const void *buf,
                 size_t length);

/* Removes bytes at the head or the tail of the run, dropping parts that become
 * empty; the run must be at least as long.
 */
void iov_drop_front(struct iovec **iov, unsigned *count, size_t length);
void iov_drop_back(struct iovec *iov, unsigned *count, size_t length);

#endif
