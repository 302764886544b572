/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.h - the system calls that are left */

#ifndef SANDBOX_CALLS_H
#define SANDBOX_CALLS_H

#include "sandbox.h"

/* Was this built with what it takes? */
bool calls_restrictable(void);

/* Every other call fails, in all threads of the process.  Returns 0 or an errno value. */
int calls_restrict(enum sandbox_role role);

#endif
