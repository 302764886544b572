/* SPDX-License-Identifier: BSD-3-Clause */
/* library.h - shared libraries that are loaded when they are first needed, by any thread */

#ifndef QCOW2_BASE_LIBRARY_H
#define QCOW2_BASE_LIBRARY_H

#include "late-library.h"

/* Load it if that has not been done.  -1 with ENOTSUP when it, or a needed function in it, is not
 * there. Threads may call this at the same time, and use the table after their own call. */
int library_load(struct library *library);

#endif
