/* SPDX-License-Identifier: BSD-3-Clause */
/* disk.h - a virtual disk: what a guest sees, whatever the format behind it
 *
 * A disk answers three kinds of question: what lies where (plan), what is the content (read), and
 * it takes changes (write, zero, discard, flush).  Ranges have been checked against size by the
 * caller.  Any number of threads may ask at once.
 *
 * The plan is the traversal that everything shares: reading, mapping, converting and comparing walk
 * over the extents that disk_plan fills in, each of one kind, one after the other without gaps.
 */

#ifndef QCOW2_GUEST_DISK_H
#define QCOW2_GUEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct disk;

enum extent_kind {
    EXTENT_UNALLOCATED, /* this image does not hold it: ask the backing disk */
    EXTENT_ZERO,        /* reads as zeroes; placed if space is kept for it */
    EXTENT_DATA,        /* the bytes at host_offset */
    EXTENT_COMPRESSED,  /* one compressed cluster; host_offset, host_length of the stream */
};

struct extent {
    enum extent_kind kind;
    bool dirty;    /* a bitmap of the server's says so, where it was asked for */
    bool in_place; /* a write may go to host_offset without any change of metadata */
    uint64_t guest_offset;
    uint64_t length;      /* bytes of the guest's view, never 0 */
    bool placed;          /* there is a host_offset; else it is 0 */
    uint64_t host_offset; /* in the store */
    uint64_t host_length; /* compressed: bytes available for the stream */
};

#define PLAN_EXTENTS 64

struct plan {
    struct extent extents[PLAN_EXTENTS];
    unsigned count;
    uint64_t damaged; /* of a failure: bytes of which the tables do not tell what they are; 0: that
                         is not why */
    bool unread;      /* and that is so because a table could not be read: another time it may be */
};

/* Flags of the changes. */
#define DISK_MAY_UNMAP 0x1u
#define DISK_FAST_ZERO 0x2u

struct disk_ops {
    /* Fill the plan with extents from offset on: at least one, perhaps less than count bytes.
     * damaged is 0, and is set where that is why nothing can be planned at offset. */
    int (*plan)(struct disk *disk, uint64_t count, uint64_t offset, struct plan *plan);
    int (*read)(struct disk *disk, void *buf, size_t count, uint64_t offset);
    int (*write)(struct disk *disk, const void *buf, size_t count, uint64_t offset);
    /* The three about compression are NULL where the format has none (compressed.h). */
    int (*write_compressed)(struct disk *disk, const void *buf, size_t count, uint64_t offset);
    ssize_t (*compress)(struct disk *disk, const void *buf, size_t count, void *out);
    int (*write_stream)(struct disk *disk, const void *stream, size_t size, uint64_t offset);
    int (*zero)(struct disk *disk, uint64_t count, uint64_t offset, uint32_t flags);
    int (*discard)(struct disk *disk, uint64_t count, uint64_t offset);
    int (*flush)(struct disk *disk);
    void (*close)(struct disk *disk);
};

struct disk {
    const struct disk_ops *ops;
    uint64_t size;        /* bytes; changes only while no request is under way */
    struct disk *backing; /* NULL: what is not allocated reads as zeroes; not owned */
    bool backing_missing; /* there is a backing file and it was not opened: such reads fail */
    const char *name;     /* for sentences */
};

static inline int disk_plan(struct disk *disk, uint64_t count, uint64_t offset, struct plan *plan)
{
    plan->damaged = 0;
    plan->unread = false;
    return disk->ops->plan(disk, count, offset, plan);
}

static inline int disk_read(struct disk *disk, void *buf, size_t count, uint64_t offset)
{
    return disk->ops->read(disk, buf, count, offset);
}

static inline void disk_close(struct disk *disk)
{
    if (disk)
        disk->ops->close(disk);
}

/* Append an extent, merging it with the last one if it continues it.  False: the plan is full. */
bool plan_add(struct plan *plan, const struct extent *extent);

/* The error of a range that lies in a backing file which was not opened; returns -1. */
int disk_refuse_missing(const struct disk *disk, uint64_t offset);

/* Read a range that this disk does not hold: from its backing disk, zeroes beyond that one's
 * end. */
int disk_read_backing(struct disk *disk, void *buf, size_t count, uint64_t offset);

/* Does a range that this disk does not hold read as zeroes, as far as metadata tell?  1 yes, 0 not
 * known, -1 error. */
int disk_backing_is_zero(struct disk *disk, uint64_t count, uint64_t offset);

#endif
