/* SPDX-License-Identifier: BSD-3-Clause */
/* store.h - bytes at offsets: what an image is kept in
 *
 * A store knows nothing of formats.  Its operations may be called from any number of threads; none
 * moves a file position.  All return 0 or -1 with the error set.
 *
 * What the layers above rely on:
 *   - pread beyond the end gives zeroes; a short read inside the file does not happen.
 *   - pwritev beyond the end extends the store, the gap reads as zeroes.
 *   - flush makes everything that completed before it started durable, file length included.
 *   - Nothing is durable, and nothing is ordered, without flush.
 *   - After a failed flush, every later flush fails (what was lost cannot be known).
 */

#ifndef QCOW2_STORE_STORE_H
#define QCOW2_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct stat;
struct store;

/* A stretch of the store and whether it holds data or a hole that reads as zeroes. */
struct store_extent {
    uint64_t length;
    bool hole;
    bool beyond; /* the end: it has no place in the store, as nothing can be written there */
    bool dirty;  /* in a bitmap of the server's, which the store was told to ask for */
};

struct store_ops {
    int (*pread)(struct store *store, void *buf, size_t count, uint64_t offset);
    int (*pwritev)(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset);
    /* Make a range read as zeroes; may_punch: the space may be given back.  ENOTSUP when it could
     * only be done by writing zeroes. */
    int (*zero)(struct store *store, uint64_t count, uint64_t offset, bool may_punch);
    /* Advice: the content of the range is of no use any more. */
    int (*discard)(struct store *store, uint64_t count, uint64_t offset);
    int (*flush)(struct store *store);
    int (*size)(struct store *store, uint64_t *size);
    int (*truncate)(struct store *store, uint64_t size);
    /* What lies at offset, up to count bytes; length is never 0. */
    int (*extent)(struct store *store, uint64_t count, uint64_t offset,
                  struct store_extent *extent);
    /* Bytes the store occupies on the host, or STORE_ALLOCATED_UNKNOWN. */
    int (*allocated)(struct store *store, uint64_t *bytes);
    void (*close)(struct store *store);
};

struct store {
    const struct store_ops *ops;
    const char *name; /* for sentences */
    char *shown;      /* for whom places in it are told to; NULL: as for sentences; owned */
    bool read_only;
    /* Where the bytes really are: in another store, from below_offset on; NULL: here. */
    struct store *below;
    uint64_t below_offset; /* bytes, or STORE_SCATTERED */
};

#define STORE_SCATTERED UINT64_MAX /* one by one, in no order that could be told */

#define STORE_ALLOCATED_UNKNOWN UINT64_MAX

/* Open flags. */
#define STORE_READ_ONLY 0x01u
#define STORE_DIRECT 0x02u
#define STORE_UNSAFE 0x04u       /* flush does nothing */
#define STORE_CREATE 0x08u       /* create the file, or empty it once the lock is held */
#define STORE_NBD 0x10u          /* the name is the URI of an NBD export, */
#define STORE_FOREIGN_NAME 0x20u /* which must not make files be read (of keys, for TLS) */
#define STORE_KEEP 0x40u         /* to be created: what is there is kept until store_file_empty */
#define STORE_LOOK 0x80u         /* to be opened again soon: an export stays connected (nbd.h) */

/* Who else may hold the file, as QEMU's byte-range locks say it (lock.h). */
enum store_sharing {
    STORE_LOCK_NONE,        /* take no locks */
    STORE_LOCK_FORCE_SHARE, /* reader that tolerates a writer */
    STORE_LOCK_READER,      /* reader of a format image: no writer may come */
    STORE_LOCK_WRITER,      /* writer of a format image: nobody else may write or resize */
    STORE_LOCK_RAW_READER,  /* reader of a raw image: tolerates everything */
    STORE_LOCK_RAW_WRITER,  /* writer of a raw image: as QEMU's raw driver, shares writing */
    STORE_LOCK_DATA_READER, /* reader of a data file: its image says who writes, none may resize */
    STORE_LOCK_DATA_WRITER, /* writer of a data file: likewise */
};

/* What the flags say the name means. */
struct store *store_open(const char *name, uint32_t flags, enum store_sharing sharing);

/* A file or a block device. */
struct store *store_file_open(const char *filename, uint32_t flags, enum store_sharing sharing);

/* What is in the file goes, unless no file there can become as long as this one is to be: then it
 * stays, and that is an error.  Nothing is done to a device or an export. */
int store_file_empty(struct store *store, uint64_t future_length);

/* Remove the name of a file that was made here, or emptied, if it still leads to this file and
 * nobody else uses it.  From then on until the store is closed nobody can. */
void store_file_take_away(struct store *store);

/* The store at the bottom, in which the bytes are; and, if that can be told, where its byte is that
 * is the first one here (STORE_SCATTERED: it cannot). */
struct store *store_bottom(struct store *store, uint64_t *offset);

/* Two stores on the same file (device and inode)?  False when one of them is not on a file. */
bool store_same_file(struct store *a, struct store *b);

/* Has stat told twice of the same file, or of the same block device? */
bool store_same_inode(const struct stat *a, const struct stat *b);

/* Is the store on the file that stat told of? */
bool store_is_file(struct store *store, const struct stat *st);

static inline int store_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    return store->ops->pread(store, buf, count, offset);
}

static inline int store_pwritev(struct store *store, const struct iovec *iov, int iovcnt,
                                uint64_t offset)
{
    return store->ops->pwritev(store, iov, iovcnt, offset);
}

static inline int store_pwrite(struct store *store, const void *buf, size_t count, uint64_t offset)
{
    struct iovec iov = { (void *)(uintptr_t)buf, count };

    return store->ops->pwritev(store, &iov, 1, offset);
}

static inline int store_flush(struct store *store)
{
    return store->ops->flush(store);
}

static inline int store_size(struct store *store, uint64_t *size)
{
    return store->ops->size(store, size);
}

static inline int store_truncate(struct store *store, uint64_t size)
{
    return store->ops->truncate(store, size);
}

static inline int store_discard(struct store *store, uint64_t count, uint64_t offset)
{
    return store->ops->discard(store, count, offset);
}

static inline int store_extent_at(struct store *store, uint64_t count, uint64_t offset,
                                  struct store_extent *extent)
{
    return store->ops->extent(store, count, offset, extent);
}

void store_close(struct store *store);

/* What it is called where a place in it is told. */
static inline const char *store_shown(const struct store *store)
{
    return store->shown ? store->shown : store->name;
}

/* Write zeroes as data. */
int store_write_zeroes(struct store *store, uint64_t count, uint64_t offset);

/* Make a range read as zeroes, by writing them if the store has no better way. */
int store_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch);

#endif
