/* SPDX-License-Identifier: BSD-3-Clause */
/* flush.h - making what was written durable, in the stages that tables.h describes */

#ifndef QCOW2_TABLE_FLUSH_H
#define QCOW2_TABLE_FLUSH_H

#include "table/tables.h"

/* Everything that completed before the call is durable when it returns 0.  Calls that come while a
 * flush is under way share the next one.  No lock held. */
int tables_flush(struct tables *tables);

/* As tables_flush, for what guest requests changed: with lazy refcounts these stay in memory, and
 * the image is marked as dirty (see tables.h). */
int tables_flush_lazily(struct tables *tables);

/* A flush when so much has gathered in memory that it should not grow further; cheap otherwise.  No
 * lock held, the caller is not counted as a request. */
int tables_relieve(struct tables *tables);

/* Flush and release everything that is in quarantine, refcounts on their way to disk included. Only
 * while no request is under way. */
int tables_settle(struct tables *tables);

/* The same when something has taken effect already: what cannot be written now goes with the next
 * flush.  -1 only if the image has failed. */
int tables_settle_afterwards(struct tables *tables);

/* After tables_settle, the last change before closing: the image is not dirty any more. */
int tables_mark_clean(struct tables *tables);

#endif
