/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h - a store in memory */

#ifndef QCOW2_STORE_MEMORY_H
#define QCOW2_STORE_MEMORY_H

#include "store/store.h"

/* An empty store; name is for sentences. */
struct store *store_memory_new(const char *name);

#endif
