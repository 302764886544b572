/* SPDX-License-Identifier: BSD-3-Clause */
/* own_locks.c - the locks that this process holds itself */

#include "store/own_locks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"

struct own_locks {
    struct own_locks *next;
    int fd;
    dev_t device;
    ino_t inode;
    unsigned used, denied; /* bit p: byte 100 + p, byte 200 + p */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct own_locks *all; /* guarded by lock */

int own_locks_add(int fd, unsigned used, unsigned denied)
{
    CLEANUP_FREE struct own_locks *held = malloc(sizeof *held);
    struct stat st;

    if (held == NULL)
        return error_no_memory(), -1;
    if (fstat(fd, &st) < 0)
        return error_system(errno, "Could not lock a file");
    LOCK_SCOPE(&lock);
    *held = (struct own_locks){ all, fd, st.st_dev, st.st_ino, used, denied };
    all = RELEASE(held);
    return 0;
}

void own_locks_reduce(int fd, unsigned used, unsigned denied)
{
    LOCK_SCOPE(&lock);

    for (struct own_locks *held = all; held; held = held->next)
        if (held->fd == fd) {
            held->used &= ~used;
            held->denied &= ~denied;
        }
}

void own_locks_remove(int fd)
{
    LOCK_SCOPE(&lock);

    for (struct own_locks **at = &all; *at; at = &(*at)->next) {
        struct own_locks *held = *at;

        if (held->fd == fd) {
            *at = held->next;
            free(held);
            return;
        }
    }
}

bool own_locks_hold(int fd, unsigned used, unsigned denied)
{
    struct stat st;
    LOCK_SCOPE(&lock);

    if (fstat(fd, &st) < 0)
        return false;
    for (const struct own_locks *held = all; held; held = held->next)
        if (held->fd != fd && held->device == st.st_dev && held->inode == st.st_ino &&
            ((held->used & used) != 0 || (held->denied & denied) != 0))
            return true;
    return false;
}
