/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.h - the log of a program's changes of one file, as calls.c writes it and replay.c reads it
 *
 * Records follow each other, each written at once: this head, then the bytes of a write.  Who makes
 * requests of a server may write marks of its own between them.
 */

#ifndef CRASH_CALLS_H
#define CRASH_CALLS_H

#include <stdint.h>

enum call_kind {
    CALL_WRITE,       /* count bytes at offset follow */
    CALL_ZERO,        /* count bytes at offset became zeroes, within the file or beyond it */
    CALL_PUNCH,       /* the same within the file only */
    CALL_LENGTH,      /* the file is offset bytes long */
    CALL_FLUSH_BEGUN, /* what was logged before is durable when */
    CALL_FLUSH_ENDED, /* this is */
    CALL_ISSUED,      /* a mark: count sectors from offset, in sectors, get stamps */
    CALL_SETTLED,     /* a mark: a flush was acknowledged */
};

struct call_head {
    uint64_t kind;
    uint64_t offset;
    uint64_t count;
    uint64_t stamp; /* of an issued range: its first sector's, the next has the next; 0: zeroes */
};

#endif
