/* SPDX-License-Identifier: BSD-3-Clause */
/* iov.c - walking through the buffers of a vectored request, in steps of any size */

#include "store/iov.h"

#include "base/bits.h"

#include <stdint.h>
#include <string.h>

size_t iov_total(const struct iovec *iov, int iovcnt)
{
    size_t total = 0;

    for (int i = 0; i < iovcnt; i++) {
        if (__builtin_add_overflow(total, iov[i].iov_len, &total))
            return SIZE_MAX;
    }
    return total;
}

/* Pass over count bytes of the buffer the cursor stands in. */
static void pass(struct iov_cursor *cursor, size_t count)
{
    cursor->skip += count;
    if (cursor->skip == cursor->iov->iov_len) {
        cursor->iov++;
        cursor->iovcnt--;
        cursor->skip = 0;
    }
}

void iov_advance(struct iov_cursor *cursor, size_t count)
{
    while (count > 0) {
        size_t step = min_u64(count, cursor->iov->iov_len - cursor->skip);

        pass(cursor, step);
        count -= step;
    }
}

void iov_gather(struct iov_cursor *cursor, void *buf, size_t count)
{
    uint8_t *out = buf;

    while (count > 0) {
        size_t step = min_u64(count, cursor->iov->iov_len - cursor->skip);

        if (step > 0)
            memcpy(out, (const uint8_t *)cursor->iov->iov_base + cursor->skip, step);
        pass(cursor, step);
        out += step;
        count -= step;
    }
}

int iov_window(const struct iov_cursor *cursor, struct iovec *window, int max)
{
    struct iov_cursor at = *cursor;
    int used = 0;

    while (at.iovcnt > 0 && used < max) {
        size_t left = at.iov->iov_len - at.skip;

        if (left > 0)
            window[used++] = (struct iovec){ (uint8_t *)at.iov->iov_base + at.skip, left };
        pass(&at, left);
    }
    return used;
}
