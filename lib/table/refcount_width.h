/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_width.h - the refcounts of an image once more, in entries of another width */

#ifndef QCOW2_TABLE_REFCOUNT_WIDTH_H
#define QCOW2_TABLE_REFCOUNT_WIDTH_H

#include "table/tables.h"

/* New refcount structures, beside those in force. */
struct refcount_width {
    struct geometry geometry; /* the image's, with the new width */
    uint64_t *table;          /* entries, host byte order */
    uint64_t table_size;      /* entries */
    uint64_t table_offset;    /* 0: not allocated */
    uint64_t table_bytes;     /* allocated at table_offset */
};

/* Called now and then while the work goes on; -1 with the error set ends it. */
typedef int refcount_width_step(void *opaque);

/* Does every count fit into entries of 1 << refcount_order bits (EINVAL if not), and all entries of
 * the new table below its limit (EFBIG)?  Nothing is written.  The image is quiet. */
int refcount_width_fits(struct tables *tables, uint32_t refcount_order);
/* Write the refcounts in entries of 1 << refcount_order bits; they are durable after the next
 * flush. The image is quiet and settled.  EINVAL when a count does not fit; whatever fails,
 * everything is as before. */
int refcount_width_build(struct tables *tables, uint32_t refcount_order,
                         struct refcount_width *width, refcount_width_step *step, void *opaque);
/* The header that names them will not come: give their clusters back. */
void refcount_width_abandon(struct tables *tables, struct refcount_width *width);
/* The header names them, durably: they are the tables' now, and the old ones are released. */
int refcount_width_adopt(struct tables *tables, struct refcount_width *width);

#endif
