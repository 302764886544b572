/* SPDX-License-Identifier: BSD-3-Clause */
/* lock.h - who may use a file together, by the byte-range locks that QEMU takes */

#ifndef QCOW2_STORE_LOCK_H
#define QCOW2_STORE_LOCK_H

#include "store/store.h"

/* Take what sharing asks for, and if the file is going to be emptied, what that asks for.  On a
 * file system that has no such locks this succeeds and does nothing. */
int lock_take(int fd, const char *filename, enum store_sharing sharing, bool emptying);

/* The file has been emptied: give back what was taken only for that. */
void lock_emptied(int fd, enum store_sharing sharing);

/* Does nobody else hold a lock?  Then nobody takes one, either, until the file is closed.  What is
 * held here becomes exclusive; on a file system without such locks it is taken for granted. */
bool lock_alone(int fd);

#endif
