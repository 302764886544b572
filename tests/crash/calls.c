/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.c - a program's changes of files, one of which goes wrong
 *
 * Loaded before the C library and a sanitizer's runtime (LD_PRELOAD) it counts the calls by which
 * the programs change image files: pwritev, fallocate, ftruncate and fdatasync.  What is to happen
 * is in the environment:
 *
 *   CALLS=count      nothing
 *   CALLS=kill:N     before call N the program is killed; of a write, some sectors are written
 *   CALLS=eio:N      call N fails with EIO
 *   CALLS=enospc:N   call N fails with ENOSPC
 *   CALLS=full:N     from call N on every one that would make a file longer fails with ENOSPC
 *   CALLS=memory:N   the Nth time memory is asked for there is none
 *   CALLS=read:N     the Nth read of a file fails with EIO; processes that were forked count on
 *   CALLS=moment:N   N microseconds after its start the program is killed
 *   CALLS_FILE=NAME  the changes of the file of that name, without its folder,
 *   CALLS_LOG=FILE   are appended there (calls.h)
 *   CALLS_COUNT=FILE when the program ends by itself, how many calls there were, how often memory
 *                    was asked for, and how many microseconds it ran, is written there, if there
 *                    was any call; with CALLS=read how many reads there were, if any
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "crash/calls.h"

enum plan {
    PLAN_NOTHING,
    PLAN_KILL,
    PLAN_EIO,
    PLAN_ENOSPC,
    PLAN_FULL,
    PLAN_MEMORY,
    PLAN_MOMENT,
    PLAN_READ
};

static const char *const plan_names[] = { "count", "kill",   "eio",    "enospc",
                                          "full",  "memory", "moment", "read" };

static enum plan plan;
static unsigned long at;
static atomic_ulong calls, allocations;
static atomic_ulong *reads; /* shared with processes that are forked; NULL: nobody counts them */
static uint64_t began;      /* microseconds */
static const char *logged_name;
static int log_fd = -1;

static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fdatasync)(int);

/* ------------------------------------------------------------------------------------------------
 * The beginning and the end
 */

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The system does it, whatever the program is at.  A process that it forks dies at the same
 * moment. */
static void be_killed(void)
{
    struct sigevent kill_it = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
    uint64_t moment = began + at;
    struct itimerspec when = {
        .it_value = { (time_t)(moment / 1000000), (long)(moment % 1000000) * 1000 },
    };
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &kill_it, &timer) == -1 ||
        timer_settime(timer, TIMER_ABSTIME, &when, NULL) == -1)
        abort();
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("CALLS");
    size_t length = text ? strcspn(text, ":") : 0;

    *(void **)&real_pread = next("pread");
    *(void **)&real_pwritev = next("pwritev");
    *(void **)&real_fallocate = next("fallocate");
    *(void **)&real_ftruncate = next("ftruncate");
    *(void **)&real_fdatasync = next("fdatasync");
    for (enum plan p = PLAN_NOTHING; text && p <= PLAN_READ; p++)
        if (strlen(plan_names[p]) == length && strncmp(plan_names[p], text, length) == 0) {
            at = text[length] ? strtoul(text + length + 1, NULL, 10) : 0;
            plan = p;
        }
    began = now();
    if (plan == PLAN_MOMENT) {
        be_killed();
        pthread_atfork(NULL, NULL, be_killed);
    }
    if (plan == PLAN_READ) {
        reads =
            mmap(NULL, sizeof *reads, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (reads == MAP_FAILED)
            abort();
    }
    logged_name = getenv("CALLS_FILE");
    if (logged_name != NULL && getenv("CALLS_LOG") != NULL)
        log_fd = open(getenv("CALLS_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

__attribute__((destructor)) static void end(void)
{
    const char *name = getenv("CALLS_COUNT");
    bool any = reads ? atomic_load(reads) > 0 : atomic_load(&calls) > 0;
    FILE *file;

    plan = PLAN_NOTHING;
    file = name && any ? fopen(name, "w") : NULL; /* a program that it starts: none */
    if (file == NULL)
        return;
    if (reads)
        fprintf(file, "%lu\n", atomic_load(reads));
    else
        fprintf(file, "%lu %lu %lu\n", atomic_load(&calls), atomic_load(&allocations),
                (unsigned long)(now() - began));
    fclose(file);
}

/* ------------------------------------------------------------------------------------------------
 * Calls
 */

static bool is_logged(int fd)
{
    char link[64], path[4096];
    ssize_t length;

    if (log_fd == -1)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length == -1)
        return false;
    path[length] = '\0';
    return strcmp(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, logged_name) == 0;
}

/* A log that cannot be written proves nothing. */
static void log_call(int fd, enum call_kind kind, off_t offset, off_t count,
                     const struct iovec *iov, int iovcnt)
{
    struct call_head head = { .kind = kind, .offset = (uint64_t)offset, .count = (uint64_t)count };
    struct iovec all[1025] = { { &head, sizeof head } };
    ssize_t bytes = sizeof head;

    if (!is_logged(fd))
        return;
    for (int i = 0; i < iovcnt; i++) {
        all[1 + i] = iov[i];
        bytes += (ssize_t)iov[i].iov_len;
    }
    if (writev(log_fd, all, 1 + iovcnt) != bytes)
        abort();
}

/* Would the file be longer? */
static bool grows(int fd, off_t file_end)
{
    struct stat status;

    return fstat(fd, &status) == 0 && file_end > status.st_size;
}

/* Is this the call that fails?  If it is the one before which the program is killed: true, too. */
static bool is_due(int fd, off_t file_end)
{
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;

    switch (plan) {
    case PLAN_KILL:
    case PLAN_EIO:
    case PLAN_ENOSPC: return number == at;
    case PLAN_FULL: return number >= at && grows(fd, file_end);
    default: return false;
    }
}

static int fail(void)
{
    if (plan == PLAN_KILL)
        kill(getpid(), SIGKILL);
    errno = plan == PLAN_EIO ? EIO : ENOSPC;
    return -1;
}

ssize_t pread(int fd, void *buf, size_t count, off_t offset)
{
    if (reads && atomic_fetch_add(reads, 1) + 1 == at) {
        errno = EIO;
        return -1;
    }
    return real_pread(fd, buf, count, offset);
}

/* Of the first buffer of a write the sectors in its first half: a sector arrives whole. */
static void write_half(int fd, const struct iovec *iov, off_t offset)
{
    struct iovec half = iov[0];
    off_t end = (offset + (off_t)half.iov_len / 2) / 512 * 512;

    if (end <= offset)
        return;
    half.iov_len = (size_t)(end - offset);
    (void)!real_pwritev(fd, &half, 1, offset);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
    off_t file_end = offset;

    for (int i = 0; i < count; i++)
        file_end += (off_t)iov[i].iov_len;
    if (is_due(fd, file_end)) {
        if (plan == PLAN_KILL)
            write_half(fd, iov, offset);
        return fail();
    }
    log_call(fd, CALL_WRITE, offset, file_end - offset, iov, count);
    return real_pwritev(fd, iov, count, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t count)
{
    bool keeps = mode & FALLOC_FL_KEEP_SIZE;

    if (is_due(fd, keeps ? 0 : offset + count))
        return fail();
    log_call(fd, keeps ? CALL_PUNCH : CALL_ZERO, offset, count, NULL, 0);
    return real_fallocate(fd, mode, offset, count);
}

int ftruncate(int fd, off_t length)
{
    if (is_due(fd, length))
        return fail();
    log_call(fd, CALL_LENGTH, length, 0, NULL, 0);
    return real_ftruncate(fd, length);
}

int fdatasync(int fd)
{
    int r;

    if (is_due(fd, 0))
        return fail();
    log_call(fd, CALL_FLUSH_BEGUN, 0, 0, NULL, 0);
    r = real_fdatasync(fd);
    log_call(fd, CALL_FLUSH_ENDED, 0, 0, NULL, 0);
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Memory
 */

static bool is_short(void)
{
    if (atomic_fetch_add(&allocations, 1) + 1 != at || plan != PLAN_MEMORY)
        return false;
    errno = ENOMEM;
    return true;
}

/* The C library's own, or the sanitizer's: asked for before any constructor has run. */
#define NEXT(function)                                           \
    ({                                                           \
        static _Atomic(typeof(&(function))) known;               \
        typeof(&(function)) real = known;                        \
        if (real == NULL)                                        \
            known = real = (typeof(&(function)))next(#function); \
        real;                                                    \
    })

void *malloc(size_t size)
{
    return is_short() ? NULL : NEXT(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return is_short() ? NULL : NEXT(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_short() ? NULL : NEXT(realloc)(old, size);
}

void *reallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_short() ? NULL : NEXT(aligned_alloc)(alignment, size);
}
