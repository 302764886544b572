/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd_journal.h - changes that a server has acknowledged, and may lose until it has flushed
 *
 * A server that ends and comes back has what was flushed, and what it pleases of the rest.  Whoever
 * goes on as if nothing had happened would read old bytes again, and a later flush would be taken
 * for a promise about bytes that are gone.  Therefore they are kept here, and made once more:
 *
 *     before a change      journal_prepare   a copy of the bytes, while nothing has happened yet
 *     it is acknowledged   journal_add       behind all that were made before
 *     before a flush       journal_mark      what it covers: everything added so far
 *     after it             journal_forget    up to that mark
 *     on a new connection  journal_replay    in the order in which they were added
 *
 * Changes are writes and zeroes, which may be made twice.  Functions may be called by any number of
 * threads, journal_replay alone.
 */

#ifndef QCOW2_STORE_NBD_JOURNAL_H
#define QCOW2_STORE_NBD_JOURNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_entry {
    struct journal_entry *next;
    uint64_t number; /* they are counted */
    uint64_t offset;
    uint64_t count;
    bool is_zero;   /* no bytes follow */
    bool may_punch; /* those zeroes */
    uint8_t bytes[];
};

struct journal {
    pthread_mutex_t lock; /* guards all members */
    struct journal_entry *first, *last;
    uint64_t next_number;
    uint64_t memory; /* bytes that the entries take */
};

void journal_init(struct journal *journal);
void journal_destroy(struct journal *journal);

/* A copy of a write, or (bytes NULL) of zeroes; NULL with the error set.  It is freed with free, or
 * given away with journal_add. */
struct journal_entry *journal_prepare(const void *bytes, uint64_t count, uint64_t offset,
                                      bool may_punch);
void journal_add(struct journal *journal, struct journal_entry *entry);

uint64_t journal_mark(struct journal *journal);
void journal_forget(struct journal *journal, uint64_t mark);

/* Bytes of memory that are taken. */
uint64_t journal_memory(struct journal *journal);

/* Calls make for each entry until it returns something else than 0, and returns that. */
int journal_replay(struct journal *journal,
                   int (*make)(void *opaque, const struct journal_entry *entry), void *opaque);

#endif
