/* SPDX-License-Identifier: BSD-3-Clause */
/* calls-absent.c - all system calls are left, where there is no libseccomp */

#include "calls.h"

bool calls_restrictable(void)
{
    return false;
}

int calls_restrict(enum sandbox_role role)
{
    (void)role;
    return 0;
}
