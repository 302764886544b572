/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.h - how far a long operation has come, and whether the caller wants it to go on */

#ifndef QCOW2_IMAGE_PROGRESS_H
#define QCOW2_IMAGE_PROGRESS_H

#include <errno.h>

#include "base/bits.h"
#include "base/error.h"
#include "qcow2.h"

struct progress {
    qcow2_progress_callback *callback; /* NULL: nobody asks */
    void *opaque;
    uint64_t done;
    uint64_t total; /* units of work, estimated */
};

/* So many units more, the last one only at the end; -1 with ECANCELED when the caller has had
 * enough. */
static inline int progress_add(struct progress *p, uint64_t units)
{
    p->done = min_u64(p->done + units, p->total ? p->total - 1 : 0);
    if (p->callback && p->callback(p->opaque, p->done, p->total) != 0)
        return error_set(ECANCELED, "The operation was cancelled");
    return 0;
}

/* Nothing can be cancelled any more. */
static inline void progress_end(struct progress *p)
{
    if (p->callback)
        p->callback(p->opaque, p->total, p->total);
}

#endif
