/* SPDX-License-Identifier: BSD-3-Clause */
/* held.h - the locks that this process holds itself
 *
 * The kernel does not tell whose a lock is, and /proc, which does, cannot be read in a sandbox. But
 * nobody should wait for a lock of his own.
 */

#ifndef QCOW2_STORE_HELD_H
#define QCOW2_STORE_HELD_H

#include <stdbool.h>

/* The descriptor holds byte 100 + p of its file for each bit p of used, 200 + p for those of
 * denied. Returns 0 or -1 with the error set. */
int held_add(int fd, unsigned used, unsigned denied);

/* Some of that is given back; it is about to be closed. */
void held_less(int fd, unsigned used, unsigned denied);
void held_remove(int fd);

/* Does another descriptor of this process hold one of those bytes of the file that fd leads to? */
bool held_here(int fd, unsigned used, unsigned denied);

#endif
