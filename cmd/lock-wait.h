/* SPDX-License-Identifier: BSD-3-Clause */
/* lock-wait.h - waiting for an image that another program has locked */

#ifndef QCOW_CMD_LOCK_WAIT_H
#define QCOW_CMD_LOCK_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define LOCK_WAIT_FOR_EVER UINT64_MAX

/* All zero but for the seconds at first. */
typedef struct {
    uint64_t seconds; /* at most; 0: do not wait */
    struct timespec deadline;
    long pause; /* nanoseconds, of the last time; 0: none yet */
} lock_wait;

/* The library has just refused to open a file.  Was that for another program's lock? */
bool lock_wait_helps(void);

/* The library has just refused to open a file.  Was that for a lock, and may it be tried again?
 * Then it is after a pause that this returns true.  The first time it says what is waited for. */
bool lock_wait_pause(lock_wait *wait);

/* "10", or NULL for ever.  Returns -1 when it is not a number, which has been said, or when the
 * next word (or NULL) must be meant, which is not of the option. */
int lock_wait_parse(const char *seconds, const char *next, uint64_t *result);

#endif /* QCOW_CMD_LOCK_WAIT_H */
