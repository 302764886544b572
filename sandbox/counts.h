/* SPDX-License-Identifier: BSD-3-Clause */
/* counts.h - which lines are run, of a process in its sandbox
 *
 * A build that counts them (configure --enable-coverage) keeps the counts in files beside its
 * objects, and writes them at the end of each process.  Such a build, and no other, leaves its
 * folder open for that: without it the lines that are run in a sandbox would look as if nothing ran
 * them. */

#ifndef SANDBOX_COUNTS_H
#define SANDBOX_COUNTS_H

#include "sandbox.h"

#ifdef COUNTS_FOLDER

#define COUNTS_OPENER SANDBOX_MACHINE /* opens files, though otherwise it must not */

/* An exception of the ruleset for the folder.  Returns -1 with errno. */
int counts_allow(int ruleset);

/* For an end that no exit handler sees. */
void counts_write(void);

#else

#define COUNTS_OPENER 0

static inline int counts_allow(int ruleset)
{
    (void)ruleset;
    return 0;
}

static inline void counts_write(void)
{
}

#endif

#endif
