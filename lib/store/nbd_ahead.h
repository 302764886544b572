/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_ahead.h - what an NBD server has said of extents that nobody has asked for yet
 *
 * A server answers for many stretches at once.  The rest of an answer is kept for the next
 * question, given out once, and forgotten as soon as anything is written.
 */

#ifndef QCOW2_STORE_NBD_AHEAD_H
#define QCOW2_STORE_NBD_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/nbd_line.h"
#include "store/store.h"

struct nbd_ahead {
    atomic_uint_fast64_t writes; /* begun or ended; tells whether the answer is stale */
    pthread_mutex_t lock;        /* guards the rest */
    struct nbd_extents answer;
    unsigned next;   /* the first stretch not given out, */
    uint64_t offset; /* where it begins, */
    uint64_t asked;  /* and writes when the question was asked */
};

void ahead_init(struct nbd_ahead *ahead);
void ahead_destroy(struct nbd_ahead *ahead);

/* A write begins, or has ended. */
void ahead_note_write(struct nbd_ahead *ahead);

/* What the server has may change without a write. */
void ahead_forget(struct nbd_ahead *ahead);

/* The stretch of at most count bytes that begins at an offset below ahead_end.  Returns 0 or an
 * errno value. */
int ahead_extent(struct nbd_ahead *ahead, struct nbd_line *line, uint64_t count, uint64_t offset,
                 struct store_extent *extent);

/* Where the last whole block ends.  A server may refuse requests of what lies behind. */
uint64_t ahead_end(const struct nbd_line *line);

#endif
