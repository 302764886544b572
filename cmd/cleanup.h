/* SPDX-License-Identifier: BSD-3-Clause */
/* cleanup.h - memory that is given back where its name goes out of scope */

#ifndef QCOW_CMD_CLEANUP_H
#define QCOW_CMD_CLEANUP_H

#include <stdlib.h>

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))

#endif /* QCOW_CMD_CLEANUP_H */
