/* SPDX-License-Identifier: BSD-3-Clause */
/* faults.h - what the library asks of the system, one answer of which is no
 *
 * A program that is linked with the functions of faults.c in the place of the system's
 * (FAULTS_LDFLAGS) plans that the Nth request of a kind fails, runs something, and is told whether
 * it came to that. Nothing is planned for other threads.
 */

#ifndef QCOW2_TESTS_FAULTS_H
#define QCOW2_TESTS_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

enum fault {
    FAULT_MEMORY, /* there is none */
    FAULT_READ,   /* of a file: EIO */
    FAULT_CHANGE, /* of a file's content, holes or length: ENOSPC */
    FAULT_ROOM,   /* the same, only where a file would take more space */
    FAULT_FLUSH,  /* EIO */
    FAULT_ASK,    /* for a file, its length, its holes, a lock: EIO */
    FAULT_CIPHER, /* of the library of ciphers and hashes */
    FAULTS,
};

struct fault_kind {
    const char *name;
    int errnum; /* what a failed call of the library must say; 0: anything */
};

extern const struct fault_kind fault_kinds[FAULTS];

/* From now on requests are counted; that of this number, from 1, fails, or with lasting: all from
 * there. */
void fault_plan(enum fault kind, unsigned long at, bool lasting);
/* From now on none fails.  Did one? */
bool fault_end(void);

/* To be called before there is a cipher; -1 if the library of ciphers cannot be loaded.  A password
 * is then turned into a key in one round. */
int fault_stand_in_for_ciphers(void);

/* Called for each file that is opened to be changed; NULL: nobody is. */
extern void (*fault_observer)(const char *name);

/* Pieces of memory that were taken and not given back. */
size_t fault_memory_held(void);

#endif
