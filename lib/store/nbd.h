/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd.h - a store on an NBD server */

#ifndef QCOW2_STORE_NBD_H
#define QCOW2_STORE_NBD_H

#include "store/store.h"

/* An export, named by a URI as the NBD project defines them: nbd://host/export,
 * nbds+unix:///export?socket=... and so on.  It has the length it has. */
struct store *store_nbd_open(const char *uri, uint32_t flags);

#endif
