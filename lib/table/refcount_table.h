/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_table.h - a refcount table that has become too small */

#ifndef QCOW2_TABLE_REFCOUNT_TABLE_H
#define QCOW2_TABLE_REFCOUNT_TABLE_H

#include "table/tables.h"

/* Move to a larger refcount table that reaches beyond the first clusters host clusters.  The image
 * is consistent at every instant; the change is durable when the call returns.  Lock held
 * exclusively. */
int refcount_table_grow(struct tables *tables, uint64_t clusters);

#endif
