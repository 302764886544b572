/* SPDX-License-Identifier: BSD-3-Clause */
/* lock.c - who may use a file together, by the byte-range locks that QEMU takes
 *
 * There are four things a program can do with a file, numbered p = 0 to 3:
 *
 *     0 read consistently   1 write   2 write what is there already   3 resize
 *
 * For each that it does it holds byte 100 + p; for each that it does not want others to do it holds
 * byte 200 + p.  The locks held are all shared ones, so any number of programs may hold them, and
 * readers need no write permission.  To see whether it may go ahead a program first takes its own
 * locks and then asks, with an exclusive lock that is only tried:
 *
 *     for each p it does          is 200 + p held by another?  Somebody forbids it.
 *     for each p it would forbid  is 100 + p held by another?  Somebody does it.
 *
 *                          bytes held
 *     writer               100 101 103  201 203
 *     reader               100          201 203
 *     -U reader            100
 *     writer of raw        100 101
 *     reader of raw        100
 *     writer of data file  100 101 103      203
 *     reader of data file  100              203
 *     while it is emptied      101 103      203
 *
 * The locks belong to the open file description: they end with its last descriptor, and two opens
 * of one process are as strange to each other as two processes.
 */

#include "store/lock.h"

#include "base/error.h"
#include "store/own_locks.h"
#include "store/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PERMISSIONS 4
#define USED_BASE 100
#define DENIED_BASE 200

#define CONSISTENT_READ 0x1u
#define WRITE 0x2u
#define RESIZE 0x8u

static const char *const permission_names[PERMISSIONS] = {
    "consistent read",
    "write",
    "write unchanged",
    "resize",
};

/* Sets of permissions, bit p for permission p. */
struct lock_set {
    unsigned used;   /* what we do */
    unsigned denied; /* what nobody else shall do */
};

static const struct lock_set lock_sets[] = {
    [STORE_LOCK_NONE] = { 0, 0 },
    [STORE_LOCK_FORCE_SHARE] = { CONSISTENT_READ, 0 },
    [STORE_LOCK_READER] = { CONSISTENT_READ, WRITE | RESIZE },
    [STORE_LOCK_WRITER] = { CONSISTENT_READ | WRITE | RESIZE, WRITE | RESIZE },
    [STORE_LOCK_RAW_READER] = { CONSISTENT_READ, 0 },
    [STORE_LOCK_RAW_WRITER] = { CONSISTENT_READ | WRITE, 0 },
    [STORE_LOCK_DATA_READER] = { CONSISTENT_READ, RESIZE },
    [STORE_LOCK_DATA_WRITER] = { CONSISTENT_READ | WRITE | RESIZE, RESIZE },
};

static const struct lock_set emptying_set = { WRITE | RESIZE, RESIZE };

/* One step of taking locks, for each permission of a set. */
struct lock_step {
    int (*act)(int fd, int byte); /* returns 0, EBUSY for another's lock, or an errno value */
    unsigned permissions;
    int base;
    bool denied; /* it is about permissions denied to others */
};

static int fcntl_lock(int fd, int command, struct flock *lock)
{
    while (fcntl(fd, command, lock) < 0) {
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

static int take_byte(int fd, int byte)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    int errnum = fcntl_lock(fd, F_OFD_SETLK, &lock);

    return errnum == EAGAIN || errnum == EACCES ? EBUSY : errnum;
}

static int probe_byte(int fd, int byte)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
    int errnum = fcntl_lock(fd, F_OFD_GETLK, &lock);

    return errnum == 0 && lock.l_type != F_UNLCK ? EBUSY : errnum;
}

static void release_bytes(int fd, unsigned permissions, int base)
{
    for (int p = 0; p < PERMISSIONS; p++) {
        struct flock lock = {
            .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = base + p, .l_len = 1
        };

        if ((permissions & 1u << p) != 0)
            fcntl_lock(fd, F_OFD_SETLK, &lock);
    }
}

/* File systems without locks say one of these. */
static bool has_no_locks(int errnum)
{
    return errnum == EINVAL || errnum == ENOLCK || errnum == ENOSYS || errnum == ENOTSUP;
}

static bool is_held_here(int fd, int base, int p)
{
    unsigned bit = 1u << p;

    return own_locks_hold(fd, base == USED_BASE ? bit : 0, base == DENIED_BASE ? bit : 0);
}

/* The first line and the question are what QEMU's users know. */
static int refuse(int fd, const char *filename, const struct lock_step *step, int p)
{
    bool here = is_held_here(fd, step->base, p);
    struct holder holder = { 0 };
    char held_by[80] = "";

    if (!here)
        holder = holder_find(fd, (uint64_t)(step->base + p));
    if (here || holder.pid == getpid())
        snprintf(held_by, sizeof held_by, " (held by this process)");
    else if (holder.pid > 0)
        snprintf(held_by, sizeof held_by, " (held by %s, pid %d)", holder.name, (int)holder.pid);
    error_set(EBUSY, "Failed to get %s\"%s\" lock", step->denied ? "shared " : "",
              permission_names[p]);
    return error_hint("Is another process using the image [%s]?%s", filename, held_by);
}

static struct lock_set set_for(enum store_sharing sharing, bool emptying)
{
    struct lock_set set = lock_sets[sharing];

    if (emptying && sharing != STORE_LOCK_NONE) {
        set.used |= emptying_set.used;
        set.denied |= emptying_set.denied;
    }
    return set;
}

/* Returns 0 or what the step's act returned, then about permission *p. */
static int take_step(int fd, const struct lock_step *step, int *p)
{
    for (*p = 0; *p < PERMISSIONS; ++*p) {
        int errnum = (step->permissions & 1u << *p) != 0 ? step->act(fd, step->base + *p) : 0;

        if (errnum != 0)
            return errnum;
    }
    return 0;
}

int lock_take(int fd, const char *filename, enum store_sharing sharing, bool emptying)
{
    struct lock_set set = set_for(sharing, emptying);
    const struct lock_step steps[] = {
        { take_byte, set.used, USED_BASE, false },
        { take_byte, set.denied, DENIED_BASE, true },
        { probe_byte, set.used, DENIED_BASE, false },
        { probe_byte, set.denied, USED_BASE, true },
    };

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int p, errnum = take_step(fd, &steps[i], &p);

        if (errnum == 0)
            continue;
        if (has_no_locks(errnum))
            return 0;
        if (errnum != EBUSY)
            return error_system(errnum, "Could not lock '%s'", filename);

        /* Or the search for a holder would find ourselves. */
        release_bytes(fd, set.used, USED_BASE);
        release_bytes(fd, set.denied, DENIED_BASE);
        return refuse(fd, filename, &steps[i], p);
    }
    return own_locks_add(fd, set.used, set.denied);
}

void lock_emptied(int fd, enum store_sharing sharing)
{
    struct lock_set kept = lock_sets[sharing];

    if (sharing == STORE_LOCK_NONE)
        return;
    release_bytes(fd, emptying_set.used & ~kept.used, USED_BASE);
    release_bytes(fd, emptying_set.denied & ~kept.denied, DENIED_BASE);
    own_locks_reduce(fd, emptying_set.used & ~kept.used, emptying_set.denied & ~kept.denied);
}

bool lock_alone(int fd)
{
    struct flock lock = { .l_type = F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = USED_BASE,
                          .l_len = DENIED_BASE + PERMISSIONS - USED_BASE };
    int errnum = fcntl_lock(fd, F_OFD_SETLK, &lock);

    return errnum == 0 || has_no_locks(errnum);
}
