/* SPDX-License-Identifier: BSD-3-Clause */
/* header_update.h - the whole header of an image written anew, in one instant */

#ifndef QCOW2_TABLE_HEADER_UPDATE_H
#define QCOW2_TABLE_HEADER_UPDATE_H

#include "table/tables.h"

/* Put a changed copy of tables->header (header_copy) into force: fixed fields, extensions, backing
 * file name.  What was written to the store before is durable when the change takes effect, and the
 * change is durable when 0 is returned; tables->header is then *changed, which is left empty.
 *
 * -1: nothing has changed (ENOSPC: it does not fit in the first cluster), or, after a write or a
 * flush that failed, nobody knows and the tables have failed.
 *
 * No request under way, or nobody else knows the image. */
int header_update(struct tables *tables, struct header *changed);

/* Would there be room for it?  -1 with ENOSPC if not; nothing is written. */
int header_update_fits(struct tables *tables, const struct header *changed);

#endif
