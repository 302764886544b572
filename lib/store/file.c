/* SPDX-License-Identifier: BSD-3-Clause */
/* file.c - a store in a regular file or on a block device
 *
 * Every operation is a system call or a few on one descriptor, none of which uses its position, so
 * the operations need no lock among themselves, with these exceptions:
 *
 *   flush    The system tells of a failed write-back once per descriptor.  Whoever flushes next is
 *            told of success, although the same data are lost; flush_lock makes it see
 *            flush_failed instead.
 *   O_DIRECT A write of part of a block must have it to itself: see direct.lock.
 *
 * The file never grows by ftruncate unless the caller asks for a length: two threads that each
 * extended the file to the length they found necessary would cut off each other's bytes.
 */

#include "store/store.h"

#include "base/bits.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "store/direct.h"
#include "store/own_locks.h"
#include "store/iov.h"
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    struct store store;
    char *name;
    int fd;
    bool block_device;
    bool unsafe;  /* flush does nothing */
    bool ours;    /* what was in the file is no more: it was made, or emptied */
    dev_t device; /* device and inode: which file it is */
    ino_t inode;
    struct direct direct;

    atomic_bool changed; /* a change was completed since the last flush began; set afterwards, so
                            that no flush misses it; at first true, for others' changes */
    pthread_mutex_t flush_lock;
    bool flush_failed; /* guarded by flush_lock */
};

static struct file *to_file(struct store *store)
{
    return (struct file *)store;
}

/* The system's offsets are signed. */
static int check_range(const struct file *file, const char *what, uint64_t count, uint64_t offset)
{
    if (range_within(offset, count, INT64_MAX))
        return 0;
    return error_set(EFBIG,
                     "Could not %s %" PRIu64 " bytes at offset 0x%" PRIx64
                     " of '%s': a file ends before offset 0x%" PRIx64,
                     what, count, offset, file->name, (uint64_t)INT64_MAX);
}

static int check_writable(const struct file *file)
{
    if (!file->store.read_only)
        return 0;
    return error_set(EROFS, "Could not write to '%s': it was opened read-only", file->name);
}

static int request_failed(const struct file *file, int errnum, const char *what, uint64_t count,
                          uint64_t offset)
{
    return error_system(errnum, "Could not %s %" PRIu64 " bytes at offset 0x%" PRIx64 " of '%s'",
                        what, count, offset, file->name);
}

static int file_pread(struct store *store, void *buf, size_t count, uint64_t offset)
{
    struct file *file = to_file(store);
    size_t done;
    int errnum;

    if (check_range(file, "read", count, offset) < 0)
        return -1;
    errnum = direct_read(&file->direct, buf, count, offset, &done);
    if (errnum != 0)
        return request_failed(file, errnum, "read", count, offset);
    if (done < count)
        memset((uint8_t *)buf + done, 0, count - done);
    return 0;
}

static int file_pwritev(struct store *store, const struct iovec *iov, int iovcnt, uint64_t offset)
{
    struct file *file = to_file(store);
    size_t count = iov_total(iov, iovcnt);
    int errnum;

    if (check_writable(file) < 0 || check_range(file, "write", count, offset) < 0)
        return -1;
    errnum = direct_write(&file->direct, iov, iovcnt, offset);
    atomic_store(&file->changed, true);
    if (errnum != 0)
        return request_failed(file, errnum, "write", count, offset);
    return 0;
}

static int file_size(struct store *store, uint64_t *size)
{
    struct file *file = to_file(store);
    struct stat st;

    if (file->block_device) {
        if (ioctl(file->fd, BLKGETSIZE64, size) < 0)
            return error_system(errno, "Could not find the size of '%s'", file->name);
        return 0;
    }
    if (fstat(file->fd, &st) < 0)
        return error_system(errno, "Could not find the size of '%s'", file->name);
    *size = (uint64_t)st.st_size;
    return 0;
}

/* Returns 0 or an errno value: ENOTSUP where this file or this range does not allow it. */
static int allocate(struct file *file, int mode, uint64_t count, uint64_t offset)
{
    READ_SCOPE(&file->direct.lock);
    while (fallocate(file->fd, mode, (off_t)offset, (off_t)count) < 0) {
        switch (errno) {
        case EINTR: continue;
        case EINVAL: /* a block device, when the range is not made of its blocks */
        case ENODEV:
        case ENOSYS: return ENOTSUP;
        default: return errno;
        }
    }
    return 0;
}

/* Let the file reach to end.  A byte written there grows it but never cuts it. */
static int extend_to(struct store *store, uint64_t end)
{
    uint64_t size;

    if (store_size(store, &size) < 0)
        return -1;
    return end > size ? store_pwrite(store, "", 1, end - 1) : 0;
}

static int file_zero(struct store *store, uint64_t count, uint64_t offset, bool may_punch)
{
    struct file *file = to_file(store);
    int errnum = ENOTSUP;

    if (count == 0)
        return 0;
    if (check_writable(file) < 0 || check_range(file, "zero", count, offset) < 0)
        return -1;
    if (may_punch) {
        if (!file->block_device && extend_to(store, offset + count) < 0)
            return -1;
        errnum = allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, count, offset);
    }
    if (errnum == ENOTSUP) {
        int keep_size = file->block_device ? FALLOC_FL_KEEP_SIZE : 0;

        errnum = allocate(file, FALLOC_FL_ZERO_RANGE | keep_size, count, offset);
    }
    atomic_store(&file->changed, true);
    return errnum == 0 ? 0 : request_failed(file, errnum, "zero", count, offset);
}

static int file_discard(struct store *store, uint64_t count, uint64_t offset)
{
    struct file *file = to_file(store);
    int errnum;

    if (count == 0)
        return 0;
    if (check_writable(file) < 0 || check_range(file, "discard", count, offset) < 0)
        return -1;
    errnum = allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, count, offset);
    atomic_store(&file->changed, true);
    if (errnum != 0 && errnum != ENOTSUP)
        return request_failed(file, errnum, "discard", count, offset);
    return 0;
}

static int file_flush(struct store *store)
{
    struct file *file = to_file(store);

    if (file->unsafe || store->read_only)
        return 0;
    LOCK_SCOPE(&file->flush_lock);
    if (file->flush_failed)
        return error_set(EIO,
                         "Could not flush '%s': an earlier flush failed, and what was written "
                         "before it may be lost",
                         file->name);
    if (!atomic_exchange(&file->changed, false))
        return 0;
    while (fdatasync(file->fd) < 0) {
        if (errno == EINTR)
            continue;
        file->flush_failed = true;
        return error_system(errno, "Could not flush '%s'", file->name);
    }
    return 0;
}

static int file_truncate(struct store *store, uint64_t size)
{
    struct file *file = to_file(store);
    uint64_t device_size;

    if (check_writable(file) < 0 || check_range(file, "resize to", size, 0) < 0)
        return -1;
    if (file->block_device) {
        if (file_size(store, &device_size) < 0)
            return -1;
        if (size > device_size)
            return error_set(ENOSPC,
                             "Could not resize '%s' to %" PRIu64
                             " bytes: it is a device of %" PRIu64 " bytes",
                             file->name, size, device_size);
        return 0;
    }
    READ_SCOPE(&file->direct.lock);
    while (ftruncate(file->fd, (off_t)size) < 0) {
        if (errno != EINTR)
            return error_system(errno, "Could not resize '%s' to %" PRIu64 " bytes", file->name,
                                size);
    }
    atomic_store(&file->changed, true);
    return 0;
}

/* Where data or a hole next begins at or after offset; size when it does not. */
static bool seek(const struct file *file, uint64_t offset, int whence, uint64_t size,
                 uint64_t *found)
{
    off_t at = lseek(file->fd, (off_t)offset, whence);

    if (at < 0 && errno != ENXIO)
        return false;
    *found = at < 0 ? size : (uint64_t)at;
    return true;
}

static int file_extent(struct store *store, uint64_t count, uint64_t offset,
                       struct store_extent *extent)
{
    struct file *file = to_file(store);
    uint64_t size, data, hole;

    if (file_size(store, &size) < 0)
        return -1;
    if (offset >= size) {
        *extent = (struct store_extent){ .length = count, .hole = true };
        return 0;
    }
    *extent = (struct store_extent){ .length = min_u64(count, size - offset), .hole = false };

    /* The file may change between the calls, so neither answer is taken to fit the other. */
    if (!seek(file, offset, SEEK_DATA, size, &data))
        return 0;
    if (data >= size)
        *extent = (struct store_extent){ .length = count, .hole = true };
    else if (data > offset)
        *extent = (struct store_extent){ .length = min_u64(count, data - offset), .hole = true };
    else if (seek(file, offset, SEEK_HOLE, size, &hole) && hole > offset)
        extent->length = min_u64(extent->length, hole - offset);
    return 0;
}

static int file_allocated(struct store *store, uint64_t *bytes)
{
    struct file *file = to_file(store);
    struct stat st;

    if (fstat(file->fd, &st) < 0)
        return error_system(errno, "Could not find the space that '%s' takes", file->name);
    *bytes = (uint64_t)st.st_blocks * 512;
    return 0;
}

static void file_close(struct store *store)
{
    struct file *file = to_file(store);

    direct_destroy(&file->direct);
    own_locks_remove(file->fd);
    close(file->fd);
    pthread_mutex_destroy(&file->flush_lock);
    free(file->name);
    free(file);
}

static const struct store_ops file_ops = {
    .pread = file_pread,
    .pwritev = file_pwritev,
    .zero = file_zero,
    .discard = file_discard,
    .flush = file_flush,
    .size = file_size,
    .truncate = file_truncate,
    .extent = file_extent,
    .allocated = file_allocated,
    .close = file_close,
};

static int check_kind(const char *filename, const struct stat *st)
{
    if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
        return 0;
    return error_set(S_ISDIR(st->st_mode) ? EISDIR : EINVAL,
                     "'file' driver requires '%s' to be a regular file", filename);
}

/* *made: it was not there before. */
static int open_or_make(const char *filename, int mode, bool *made)
{
    int fd = -1;

    *made = false;
    if (mode & O_CREAT) {
        fd = open(filename, mode | O_EXCL, 0644);
        *made = fd >= 0;
    }
    while (fd < 0) {
        fd = open(filename, mode, 0644);
        if (fd < 0 && errno != EINTR)
            break;
    }
    return fd;
}

/* Open the file and look at what it is.  Merely opening a FIFO or a device may wait for ever or
 * set something going, so these are refused by name first; O_NONBLOCK is for what takes the name's
 * place in between. */
static int open_file(const char *filename, uint32_t flags, struct stat *st, bool *made)
{
    int mode = O_CLOEXEC | O_NONBLOCK;
    CLEANUP_CLOSE int fd = -1;
    int result;

    if (stat(filename, st) == 0 && !S_ISDIR(st->st_mode) && check_kind(filename, st) < 0)
        return -1;
    mode |= (flags & STORE_READ_ONLY) != 0 ? O_RDONLY : O_RDWR;
    mode |= (flags & STORE_CREATE) != 0 ? O_CREAT : 0;
    mode |= (flags & STORE_DIRECT) != 0 ? O_DIRECT : 0;
    fd = open_or_make(filename, mode, made);
    if (fd < 0 && errno == EINVAL && (flags & STORE_DIRECT) != 0)
        return error_set(EINVAL, "Could not open '%s': filesystem does not support O_DIRECT",
                         filename);
    if (fd < 0)
        return error_system(errno, "Could not %s '%s'",
                            (flags & STORE_CREATE) != 0 ? "create" : "open", filename);
    if (fstat(fd, st) < 0 || fcntl(fd, F_SETFL, mode & O_DIRECT) < 0)
        return error_system(errno, "Could not open '%s'", filename);
    if (check_kind(filename, st) < 0)
        return -1;
    result = fd;
    fd = -1;
    return result;
}

/* A block device is the same whatever node leads to it. */
static dev_t device_of(const struct stat *st)
{
    return S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev;
}

static ino_t inode_of(const struct stat *st)
{
    return S_ISBLK(st->st_mode) ? 0 : st->st_ino;
}

/* The descriptor becomes the store's. */
static struct file *file_new(const char *filename, uint32_t flags, int fd, const struct stat *st)
{
    struct file *file = calloc(1, sizeof *file);
    char *name = strdup(filename);

    if (!file || !name) {
        free(file);
        free(name);
        return error_no_memory();
    }
    file->store = (struct store){ .ops = &file_ops,
                                  .name = name,
                                  .read_only = (flags & STORE_READ_ONLY) != 0 };
    file->name = name;
    file->fd = fd;
    file->block_device = S_ISBLK(st->st_mode);
    file->device = device_of(st);
    file->inode = inode_of(st);
    file->unsafe = (flags & STORE_UNSAFE) != 0;
    direct_init(&file->direct, fd, (flags & STORE_DIRECT) != 0);
    atomic_init(&file->changed, true);
    pthread_mutex_init(&file->flush_lock, NULL);
    return file;
}

/* Only who holds the locks may empty the file, or take it away if that fails. */
static int lock_file(struct file *file, uint32_t flags, enum store_sharing sharing)
{
    bool replace = (flags & STORE_CREATE) != 0 && !file->block_device;

    if (lock_take(file->fd, file->name, sharing, replace) < 0)
        return -1;
    if (!replace || (flags & STORE_KEEP) != 0)
        return 0;
    if (store_file_empty(&file->store, 0) < 0) {
        store_file_take_away(&file->store);
        return -1;
    }
    lock_emptied(file->fd, sharing);
    return 0;
}

struct store *store_file_open(const char *filename, uint32_t flags, enum store_sharing sharing)
{
    struct stat st;
    bool made;
    CLEANUP_CLOSE int fd = open_file(filename, flags, &st, &made);
    struct file *file = fd >= 0 ? file_new(filename, flags, fd, &st) : NULL;

    if (!file)
        return NULL;
    fd = -1;
    file->ours = made;
    if (lock_file(file, flags, sharing) < 0) {
        file_close(&file->store);
        return NULL;
    }
    return &file->store;
}

/* A longer file, which loses nothing, shows what the file system and the limits allow. */
static int try_length(struct store *store, uint64_t length)
{
    uint64_t now;

    if (file_size(store, &now) < 0)
        return -1;
    return length > now ? file_truncate(store, length) : 0;
}

int store_file_empty(struct store *store, uint64_t future_length)
{
    struct file *file = to_file(store);

    if (store->ops != &file_ops || file->block_device)
        return 0;
    if (try_length(store, future_length) < 0 || file_truncate(store, 0) < 0)
        return -1;
    file->ours = true;
    return 0;
}

void store_file_take_away(struct store *store)
{
    const struct file *file = to_file(store);
    struct stat st;

    if (store->ops != &file_ops || !file->ours || !lock_alone(file->fd))
        return;
    if (lstat(file->name, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == file->device &&
        st.st_ino == file->inode && unlink(file->name) == 0)
        return;
    if (ftruncate(file->fd, 0) < 0)
        return; /* the error that made it go is told, not this one */
}

bool store_same_file(struct store *a, struct store *b)
{
    const struct file *x, *y;

    a = store_bottom(a, NULL);
    b = store_bottom(b, NULL);
    x = (const struct file *)a;
    y = (const struct file *)b;
    return a->ops == &file_ops && b->ops == &file_ops && x->block_device == y->block_device &&
           x->device == y->device && x->inode == y->inode;
}

bool store_same_inode(const struct stat *a, const struct stat *b)
{
    return S_ISBLK(a->st_mode) == S_ISBLK(b->st_mode) && device_of(a) == device_of(b) &&
           inode_of(a) == inode_of(b);
}

bool store_is_file(struct store *store, const struct stat *st)
{
    const struct file *file = (const struct file *)store_bottom(store, NULL);

    return file->store.ops == &file_ops && file->block_device == S_ISBLK(st->st_mode) &&
           file->device == device_of(st) && file->inode == inode_of(st);
}
