/* SPDX-License-Identifier: BSD-3-Clause */
/* withheld.h - a store without its first sector, until everything else is durable
 *
 * A new image is made through it: until it is finished, nobody takes the file for an image.
 */

#ifndef QCOW2_STORE_WITHHELD_H
#define QCOW2_STORE_WITHHELD_H

#include "store/store.h"

/* The first WITHHELD_SECTOR bytes stay in memory; everything else goes to a store, which is not
 * owned. What has no first sector is nothing yet: flushing does nothing.  NULL with the error
 * set. */
#define WITHHELD_SECTOR 512u
struct store *store_withheld_new(struct store *store);

/* Everything is made durable, and then the first sector. */
int store_withheld_finish(struct store *withheld);

#endif
