/* SPDX-License-Identifier: BSD-3-Clause */
/* own_locks.h - the locks that this process holds itself
 *
 * The kernel does not tell whose a lock is, and /proc, which does, cannot be read in a sandbox. But
 * nobody should wait for a lock of his own.
 */

#ifndef QCOW2_STORE_OWN_LOCKS_H
#define QCOW2_STORE_OWN_LOCKS_H

#include <stdbool.h>

/* The descriptor holds byte 100 + p of its file for each bit p of used, 200 + p for those of
 * denied. Returns 0 or -1 with the error set. */
int own_locks_add(int fd, unsigned used, unsigned denied);

/* Some of that is given back; it is about to be closed. */
void own_locks_reduce(int fd, unsigned used, unsigned denied);
void own_locks_remove(int fd);

/* Does another descriptor of this process hold one of those bytes of the file that fd leads to? */
bool own_locks_hold(int fd, unsigned used, unsigned denied);

#endif
