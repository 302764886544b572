/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_ahead.c - what an NBD server has said of extents that nobody has asked for yet */

#include "store/nbd_ahead.h"

#include "base/bits.h"
#include "base/cleanup.h"

#define MAX_QUESTION (UINT64_C(1) << 30) /* bytes: lengths have 32 bits on the wire */
#define AHEAD (UINT64_C(1) << 27)        /* bytes that a question covers at least */

void ahead_init(struct nbd_ahead *a)
{
    atomic_init(&a->writes, 0);
    pthread_mutex_init(&a->lock, NULL);
}

void ahead_destroy(struct nbd_ahead *a)
{
    pthread_mutex_destroy(&a->lock);
}

void ahead_note_write(struct nbd_ahead *a)
{
    atomic_fetch_add(&a->writes, 1);
}

void ahead_forget(struct nbd_ahead *a)
{
    LOCK_SCOPE(&a->lock);
    a->answer.count = 0;
}

uint64_t ahead_end(const struct nbd_line *line)
{
    const struct nbd_export *export = line_export(line);

    return round_down(export->size, export->block_size);
}

/* The next stretch of the answer that is there, if it begins at offset. */
static bool take_locked(struct nbd_ahead *a, uint64_t count, uint64_t offset,
                        struct store_extent *extent)
{
    unsigned at = a->next;

    if (at >= a->answer.count || a->offset != offset || a->asked != atomic_load(&a->writes))
        return false;
    extent->length = min_u64(count, a->answer.at[at].length);
    extent->hole = a->answer.at[at].zero;
    extent->dirty = a->answer.at[at].dirty;
    a->offset += extent->length;
    a->answer.at[at].length -= (uint32_t)extent->length;
    if (a->answer.at[at].length == 0)
        a->next++;
    return true;
}

/* Ask from the start of the block on, and pass over what lies before the offset. */
static int ask_locked(struct nbd_ahead *a, struct nbd_line *line, uint64_t count, uint64_t offset)
{
    uint64_t block = line_export(line)->block_size;
    uint64_t start = round_down(offset, block);
    uint64_t end = min_u64(ahead_end(line), round_up(start + max_u64(count + block, AHEAD), block));
    int errnum;

    a->asked = atomic_load(&a->writes);
    a->next = 0;
    a->offset = offset;
    errnum = line_extents(line, min_u64(end - start, MAX_QUESTION), start, &a->answer);
    if (errnum != 0) {
        a->answer.count = 0;
        return errnum;
    }
    while (a->next < a->answer.count && offset - start >= a->answer.at[a->next].length)
        start += a->answer.at[a->next++].length;
    if (a->next < a->answer.count)
        a->answer.at[a->next].length -= (uint32_t)(offset - start);
    return 0;
}

int ahead_extent(struct nbd_ahead *a, struct nbd_line *line, uint64_t count, uint64_t offset,
                 struct store_extent *extent)
{
    int errnum;
    LOCK_SCOPE(&a->lock);

    *extent = (struct store_extent){ .length = count };
    if (take_locked(a, count, offset, extent))
        return 0;
    errnum = ask_locked(a, line, count, offset);
    if (errnum == 0)
        take_locked(a, count, offset, extent);
    return errnum;
}
