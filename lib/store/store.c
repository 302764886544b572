/* SPDX-License-Identifier: BSD-3-Clause */
/* store.c - what every kind of store has in common */

#include "store/store.h"

#include "base/bits.h"
#include "base/error.h"
#include "store/nbd.h"

#include <errno.h>
#include <stdlib.h>

#define ZERO_BLOCK (16u * 1024)
#define ZERO_BLOCKS 64
#define ZERO_PIECE (ZERO_BLOCK * ZERO_BLOCKS)

/* Write zeroes in pieces that end on multiples of the piece, so that O_DIRECT finds them
 * aligned. */
int store_write_zeroes(struct store *store, uint64_t count, uint64_t offset)
{
    static const uint8_t block[ZERO_BLOCK] __attribute__((aligned(4096)));
    struct iovec iov[ZERO_BLOCKS];

    while (count > 0) {
        uint64_t piece = min_u64(count, ZERO_PIECE - offset % ZERO_PIECE);
        int iovcnt = 0;

        for (uint64_t at = 0; at < piece; at += ZERO_BLOCK) {
            iov[iovcnt++] = (struct iovec){ .iov_base = (void *)(uintptr_t)block,
                                            .iov_len = min_u64(piece - at, ZERO_BLOCK) };
        }
        if (store_pwritev(store, iov, iovcnt, offset) < 0)
            return -1;
        offset += piece;
        count -= piece;
    }
    return 0;
}

struct store *store_open(const char *name, uint32_t flags, enum store_sharing sharing)
{
    if (flags & STORE_NBD)
        return store_nbd_open(name, flags, &(struct nbd_options){ 0 });
    return store_file_open(name, flags, sharing);
}

struct store *store_bottom(struct store *store, uint64_t *offset)
{
    uint64_t start = 0;

    for (; store->below; store = store->below)
        start = start == STORE_SCATTERED || store->below_offset == STORE_SCATTERED
                    ? STORE_SCATTERED
                    : start + store->below_offset;
    if (offset)
        *offset = start;
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    free(store->shown);
    store->ops->close(store);
}

int store_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    if (store->ops->zero(store, count, offset, may_punch) == 0)
        return 0;
    if (error_errno() != ENOTSUP)
        return -1;
    return store_write_zeroes(store, count, offset);
}
