/* SPDX-License-Identifier: BSD-3-Clause */
/* iov.c - scattered bytes treated as one run */

#include <stdbool.h>
#include <string.h>

#include "iov.h"

uint64_t iov_length(const struct iovec *iov, unsigned count)
{
    uint64_t length = 0;

    for (unsigned i = 0; i < count; i++)
        length += iov[i].iov_len;
    return length;
}

static size_t copy(const struct iovec *iov, unsigned count, uint64_t position, uint8_t *buf,
                   size_t length, bool to_iov)
{
    size_t copied = 0;

    for (unsigned i = 0; i < count && copied < length; i++) {
        if (position >= iov[i].iov_len) {
            position -= iov[i].iov_len;
            continue;
        }
        size_t n = iov[i].iov_len - position;
        if (n > length - copied)
            n = length - copied;
        uint8_t *part = (uint8_t *)iov[i].iov_base + position;
        if (to_iov)
            memcpy(part, buf + copied, n);
        else
            memcpy(buf + copied, part, n);
        copied += n;
        position = 0;
    }
    return copied;
}

size_t iov_read(const struct iovec *iov, unsigned count, uint64_t position, void *buf,
                size_t length)
{
    return copy(iov, count, position, buf, length, false);
}

size_t iov_write(const struct iovec *iov, unsigned count, uint64_t position, const void *buf,
                 size_t length)
{
    return copy(iov, count, position, (uint8_t *)(uintptr_t)buf, length, true);
}

void iov_drop_front(struct iovec **iov, unsigned *count, size_t length)
{
    while (*count && length >= (*iov)->iov_len) {
        length -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (*count) {
        (*iov)->iov_base = (uint8_t *)(*iov)->iov_base + length;
        (*iov)->iov_len -= length;
    }
}

void iov_drop_back(struct iovec *iov, unsigned *count, size_t length)
{
    while (*count && length >= iov[*count - 1].iov_len)
        length -= iov[--*count].iov_len;
    if (*count)
        iov[*count - 1].iov_len -= length;
}
