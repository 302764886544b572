/* SPDX-License-Identifier: BSD-3-Clause */
/* cut-program.c - preloaded into another program: the power fails at a given write to one of its
 * files
 *
 *   CUT_FILE=PATH   writes to this file are counted, from 1 on
 *   CUT_AT=N        the program is killed in place of write N: all before it have arrived
 *   CUT_LOSE=N      write N does not arrive; the program is killed at the next barrier, or when it
 *                   ends, before which a disk may hold all other writes and not this one
 *   CUT_TEAR=N      of write N the first 512 bytes arrive; it is killed there
 *
 * If it is not killed it ends as ever: then N is more than the writes it makes.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long writes;
static atomic_bool lost;

static long number(const char *name)
{
    const char *value = getenv(name);

    return value ? atol(value) : 0;
}

static bool is_ours(int fd)
{
    const char *path = getenv("CUT_FILE");
    struct stat a, b;

    return path && stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

static void cut(void)
{
    kill(getpid(), SIGKILL);
}

static void at_end(void) __attribute__((destructor));

static void at_end(void)
{
    if (lost)
        cut();
}

typedef ssize_t pwrite_function(int fd, const void *buf, size_t count, off_t offset);

static pwrite_function *next_pwrite(void)
{
    return (pwrite_function *)dlsym(RTLD_NEXT, "pwrite64");
}

/* What becomes of a write: -1 it goes on, otherwise how much of it seems to have been written. */
static ssize_t fate(int fd, const struct iovec *iov, int count, off_t offset)
{
    ssize_t length = 0;
    long n;

    if (!is_ours(fd))
        return -1;
    n = ++writes;
    if (n == number("CUT_AT"))
        cut();
    if (n == number("CUT_TEAR")) {
        next_pwrite()(fd, iov[0].iov_base, iov[0].iov_len < 512 ? iov[0].iov_len : 512, offset);
        cut();
    }
    if (n != number("CUT_LOSE"))
        return -1;
    lost = true;
    for (int i = 0; i < count; i++)
        length += (ssize_t)iov[i].iov_len;
    return length;
}

static ssize_t write_one(int fd, const void *buf, size_t count, off_t offset)
{
    const struct iovec iov = { (void *)buf, count };
    ssize_t r = fate(fd, &iov, 1, offset);

    return r >= 0 ? r : next_pwrite()(fd, buf, count, offset);
}

static ssize_t write_many(int fd, const struct iovec *iov, int count, off_t offset)
{
    ssize_t (*next)(int, const struct iovec *, int, off_t) =
        (ssize_t(*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev64");
    ssize_t r = fate(fd, iov, count, offset);

    return r >= 0 ? r : next(fd, iov, count, offset);
}

ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset)
{
    return write_one(fd, buf, count, offset);
}

ssize_t pwrite64(int fd, const void *buf, size_t count, off_t offset)
{
    return write_one(fd, buf, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
    return write_many(fd, iov, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off_t offset)
{
    return write_many(fd, iov, count, offset);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

    if (lost && is_ours(fd))
        cut();
    return next(fd);
}
