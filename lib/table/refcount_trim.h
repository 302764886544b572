/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_trim.h - refcount structures as small, and as near to the start, as they can be */

#ifndef QCOW2_TABLE_REFCOUNT_TRIM_H
#define QCOW2_TABLE_REFCOUNT_TRIM_H

#include "table/tables.h"

/* Release the refcount blocks that count nothing but such blocks, and move the refcount table to
 * the first free place.  The image is quiet. */
int refcount_trim(struct tables *tables);

#endif
