/* SPDX-License-Identifier: BSD-3-Clause */
/* requests.h - random requests: a table says how often which is made */

#ifndef CRASH_REQUESTS_H
#define CRASH_REQUESTS_H

#include "crash/session.h"

enum request {
    REQUEST_WRITE,
    REQUEST_FUA,
    REQUEST_COMPRESS,
    REQUEST_ZERO,
    REQUEST_UNMAP,
    REQUEST_DISCARD,
    REQUEST_FLUSH,
    REQUEST_REOPEN,
    REQUEST_RESIZE,
    REQUEST_SHRINK,
    REQUEST_SAVE,
    REQUEST_CREATE,
    REQUEST_APPLY,
    REQUEST_DELETE,
    REQUEST_BITMAP,
    REQUEST_AMEND,
    REQUEST_AMEND_ALL,
    REQUEST_KINDS,
};

/* How often, of the sum of all. */
typedef unsigned char mixture[REQUEST_KINDS];

/* Makes so many, or as many as there are before the session is over. */
void run_mixture(struct session *s, unsigned count, const mixture *m);

#endif
