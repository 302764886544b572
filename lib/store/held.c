/* SPDX-License-Identifier: BSD-3-Clause */
/* held.c - the locks that this process holds itself */

#include "store/held.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"

struct held {
    struct held *next;
    int fd;
    dev_t device;
    ino_t inode;
    unsigned used, denied; /* bit p: byte 100 + p, byte 200 + p */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *all; /* guarded by lock */

int held_add(int fd, unsigned used, unsigned denied)
{
    CLEANUP_FREE struct held *held = malloc(sizeof *held);
    struct stat st;

    if (held == NULL)
        return error_no_memory(), -1;
    if (fstat(fd, &st) < 0)
        return error_system(errno, "Could not lock a file");
    LOCK_SCOPE(&lock);
    *held = (struct held){ all, fd, st.st_dev, st.st_ino, used, denied };
    all = RELEASE(held);
    return 0;
}

void held_less(int fd, unsigned used, unsigned denied)
{
    LOCK_SCOPE(&lock);

    for (struct held *held = all; held; held = held->next)
        if (held->fd == fd) {
            held->used &= ~used;
            held->denied &= ~denied;
        }
}

void held_remove(int fd)
{
    LOCK_SCOPE(&lock);

    for (struct held **at = &all; *at; at = &(*at)->next) {
        struct held *held = *at;

        if (held->fd == fd) {
            *at = held->next;
            free(held);
            return;
        }
    }
}

bool held_here(int fd, unsigned used, unsigned denied)
{
    struct stat st;
    LOCK_SCOPE(&lock);

    if (fstat(fd, &st) < 0)
        return false;
    for (const struct held *held = all; held; held = held->next)
        if (held->fd != fd && held->device == st.st_dev && held->inode == st.st_ino &&
            ((held->used & used) != 0 || (held->denied & denied) != 0))
            return true;
    return false;
}
