/* SPDX-License-Identifier: BSD-3-Clause */
/* window.h - a part of another store as a store of its own */

#ifndef QCOW2_STORE_WINDOW_H
#define QCOW2_STORE_WINDOW_H

#include "store/store.h"

#define WINDOW_TO_END UINT64_MAX

/* The size bytes from offset on (a multiple of 512), which stay as many; or, with WINDOW_TO_END,
 * all from offset on, as many as there are.  The store is the window's afterwards, also when NULL
 * is returned: the part lies beyond the end. */
struct store *store_window_new(struct store *store, uint64_t offset, uint64_t size);

#endif
