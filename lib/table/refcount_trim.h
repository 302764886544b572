/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_trim.h - refcount blocks that nothing needs any more */

#ifndef QCOW2_TABLE_REFCOUNT_TRIM_H
#define QCOW2_TABLE_REFCOUNT_TRIM_H

#include "table/tables.h"

/* Release the refcount blocks that count nothing but such blocks.  The image is quiet and settled. */
int refcount_trim(struct tables *tables);

#endif
