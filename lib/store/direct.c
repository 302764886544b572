/* SPDX-License-Identifier: BSD-3-Clause */
/* direct.c - O_DIRECT for callers whose buffers and offsets are not aligned for it
 *
 * What is aligned goes straight to the system: without O_DIRECT that is everything.  The rest goes
 * in pieces through an aligned buffer:
 *
 *      request         |-------------------------|
 *      piece       |===·=====|=========|=========·==|
 *                   head                          tail
 *
 * A write reads the blocks of its head and tail first and writes them back with the request's bytes
 * in them.  A neighbour's bytes written in between would be lost, so such a write holds `lock`
 * exclusively, and whatever else changes the file holds it shared.  Where the tail's block reaches
 * beyond the end of the file, the file is cut back to the end of the request under the same lock.
 */

#include "store/direct.h"

#include "base/bits.h"
#include "base/cleanup.h"
#include "store/iov.h"
#include "store/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUNCE_SIZE (1024u * 1024)
#define DEFAULT_ALIGN 4096u

/* Part of a request and the blocks around it. */
struct piece {
    uint64_t offset, end; /* the request's bytes */
    uint64_t block_start, block_end;
};

static uint32_t find_align(int fd)
{
    int sector_size;

#ifdef STATX_DIOALIGN
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 &&
        (st.stx_mask & STATX_DIOALIGN) != 0 && st.stx_dio_offset_align > 0)
        return (uint32_t)max_u64(st.stx_dio_offset_align, st.stx_dio_mem_align);
#endif
    if (ioctl(fd, BLKSSZGET, &sector_size) == 0)
        return (uint32_t)sector_size;
    return DEFAULT_ALIGN;
}

void direct_init(struct direct *direct, int fd, bool is_direct)
{
    pthread_rwlockattr_t attr;

    direct->fd = fd;
    direct->align = is_direct ? find_align(fd) : 1;

    /* A stream of aligned writes must not starve one that is not. */
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&direct->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

void direct_destroy(struct direct *direct)
{
    pthread_rwlock_destroy(&direct->lock);
}

static bool aligned(const struct direct *direct, const void *buf, size_t count)
{
    return is_aligned((uintptr_t)buf, direct->align) && is_aligned(count, direct->align);
}

static bool all_aligned(const struct direct *direct, const struct iovec *iov, int iovcnt)
{
    for (int i = 0; i < iovcnt; i++) {
        if (!aligned(direct, iov[i].iov_base, iov[i].iov_len))
            return false;
    }
    return true;
}

/* A bounce buffer for a request of count bytes; NULL when there is no memory. */
static uint8_t *bounce_new(const struct direct *direct, size_t count)
{
    size_t most = round_up(BOUNCE_SIZE, direct->align);
    void *buf;

    if (count < BOUNCE_SIZE - 2 * direct->align)
        most = round_up(count, direct->align) + direct->align;
    return posix_memalign(&buf, direct->align, most) == 0 ? buf : NULL;
}

/* The piece of a request's remaining bytes that one bounce buffer takes. */
static struct piece next_piece(const struct direct *direct, uint64_t offset, uint64_t end)
{
    uint64_t block_start = round_down(offset, direct->align);
    uint64_t piece_end = min_u64(end, block_start + BOUNCE_SIZE);

    return (struct piece){ .offset = offset,
                           .end = piece_end,
                           .block_start = block_start,
                           .block_end = round_up(piece_end, direct->align) };
}

static int bounce_read(struct direct *direct, void *buf, size_t count, uint64_t offset,
                       size_t *done)
{
    CLEANUP_FREE uint8_t *bounce = bounce_new(direct, count);
    uint64_t end = offset + count;

    *done = 0;
    if (!bounce)
        return ENOMEM;
    while (*done < count) {
        struct piece piece = next_piece(direct, offset + *done, end);
        size_t head = piece.offset - piece.block_start;
        size_t wanted = piece.end - piece.offset;
        size_t n;
        int errnum = transfer_read(direct->fd, bounce, piece.block_end - piece.block_start,
                                   piece.block_start, direct->align, &n);

        if (errnum != 0)
            return errnum;
        n = n > head ? min_u64(n - head, wanted) : 0;
        memcpy((uint8_t *)buf + *done, bounce + head, n);
        *done += n;
        if (n < wanted)
            break;
    }
    return 0;
}

int direct_read(struct direct *direct, void *buf, size_t count, uint64_t offset, size_t *done)
{
    if (is_aligned(offset, direct->align) && aligned(direct, buf, count))
        return transfer_read(direct->fd, buf, count, offset, direct->align, done);
    return bounce_read(direct, buf, count, offset, done);
}

/* Read the block at offset; what lies beyond the end of the file is zero. */
static int read_block(struct direct *direct, uint8_t *block, uint64_t offset)
{
    size_t done;
    int errnum = transfer_read(direct->fd, block, direct->align, offset, direct->align, &done);

    if (errnum == 0)
        memset(block + done, 0, direct->align - done);
    return errnum;
}

/* Read what a piece does not itself write of its first and last block. */
static int read_edges(struct direct *direct, uint8_t *bounce, const struct piece *piece)
{
    uint64_t last = piece->block_end - direct->align;
    int errnum = 0;

    if (piece->offset != piece->block_start)
        errnum = read_block(direct, bounce, piece->block_start);
    if (errnum == 0 && piece->end != piece->block_end &&
        (last != piece->block_start || piece->offset == piece->block_start))
        errnum = read_block(direct, bounce + (last - piece->block_start), last);
    return errnum;
}

static int file_size(int fd, uint64_t *size)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return errno;
    *size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : UINT64_MAX; /* a device does not grow */
    return 0;
}

static int write_piece(struct direct *direct, uint8_t *bounce, const struct piece *piece,
                       struct iov_cursor *cursor)
{
    struct iovec blocks = { bounce, piece->block_end - piece->block_start };
    uint64_t size = UINT64_MAX;
    int errnum = read_edges(direct, bounce, piece);

    if (errnum == 0 && piece->end != piece->block_end)
        errnum = file_size(direct->fd, &size);
    if (errnum != 0)
        return errnum;
    iov_gather(cursor, bounce + (piece->offset - piece->block_start), piece->end - piece->offset);
    errnum = transfer_write(direct->fd, &blocks, 1, piece->block_start);
    if (errnum == 0 && piece->block_end > size &&
        ftruncate(direct->fd, (off_t)max_u64(size, piece->end)) < 0)
        return errno;
    return errnum;
}

static int bounce_write(struct direct *direct, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct iov_cursor cursor = iov_start(iov, iovcnt);
    size_t count = iov_total(iov, iovcnt);
    CLEANUP_FREE uint8_t *bounce = bounce_new(direct, count);
    uint64_t end = offset + count;

    if (!bounce)
        return ENOMEM;
    while (offset < end) {
        struct piece piece = next_piece(direct, offset, end);
        int errnum = write_piece(direct, bounce, &piece, &cursor);

        if (errnum != 0)
            return errnum;
        offset = piece.end;
    }
    return 0;
}

int direct_write(struct direct *direct, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    bool whole_blocks =
        is_aligned(offset, direct->align) && is_aligned(iov_total(iov, iovcnt), direct->align);

    if (!whole_blocks) {
        WRITE_SCOPE(&direct->lock);
        return bounce_write(direct, iov, iovcnt, offset);
    }
    READ_SCOPE(&direct->lock);
    if (all_aligned(direct, iov, iovcnt))
        return transfer_write(direct->fd, iov, iovcnt, offset);
    return bounce_write(direct, iov, iovcnt, offset);
}
