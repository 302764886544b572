/* SPDX-License-Identifier: BSD-3-Clause */
/* holder.h - who holds a lock on a byte of a file */

#ifndef QCOW2_STORE_HOLDER_H
#define QCOW2_STORE_HOLDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process and its name, as far as the system lets one see. */
struct holder {
    pid_t pid;     /* 0: not found */
    char name[32]; /* printable */
};

/* Find a process that holds a lock on this byte of the file that fd is open on. */
struct holder holder_find(int fd, uint64_t byte);

#endif
