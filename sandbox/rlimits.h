/* SPDX-License-Identifier: BSD-3-Clause */
/* rlimits.h - how much of the host a process may take */

#ifndef SANDBOX_RLIMITS_H
#define SANDBOX_RLIMITS_H

#include "sandbox.h"

/* Never raises a limit that is lower already.  Returns -1 with errno. */
int rlimits_set(const struct sandbox_limits *limits);

#endif
