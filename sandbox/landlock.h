/* SPDX-License-Identifier: BSD-3-Clause */
/* landlock.h - the kernel's rules for which files a process may open */

#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

/* A ruleset that forbids everything this kernel can forbid; -1 with errno when it has no
 * Landlock. */
int landlock_new(void);

enum landlock_access {
    LANDLOCK_READ,
    LANDLOCK_WRITE, /* and read */
    LANDLOCK_MAKE,  /* and write and read */
};

/* An exception for an open file, or for all files below an open folder.  Returns -1 with errno. */
int landlock_allow(int ruleset, int fd, enum landlock_access access);

/* The rules apply to this thread and those it starts.  Returns -1 with errno. */
int landlock_enforce(int ruleset);

#endif
