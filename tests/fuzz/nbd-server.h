/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd-server.h - a server at the other end of an NBD store, which answers as an input says
 *
 * It has no thread of its own, and who rests, so as to call again, takes no time: the clock is put
 * on.  The store's library of NBD functions is replaced by one that lets the server look at what
 * was sent whenever the store is about to wait, and that has it hang up when it owes nothing:
 * nobody waits for ever.
 */

#ifndef FUZZ_NBD_SERVER_H
#define FUZZ_NBD_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* What the server says of the export, and how it will not do. */
enum nbd_flaw {
    NBD_NO_STRUCTURED_REPLIES = 1,
    NBD_NO_CONTEXT = 2,     /* it tells no extents */
    NBD_NO_BLOCK_SIZES = 4, /* it does not tell them */
    NBD_NO_EXPORT = 8,      /* it has none of this name */
    NBD_ODD_OPTIONS = 16,   /* answers to options are those of the script, too */
    NBD_OTHER_LATER = 32,   /* who calls again finds an export of another size, */
    NBD_NOBODY_LATER = 64,  /* or nobody */
};

/* What it answers with: one for each request, from the script; when that ends, it is honest. */
enum nbd_mood {
    NBD_HONEST,
    NBD_FAIL,     /* an error; a byte says which */
    NBD_PIECES,   /* what is read comes in two pieces, the second first; a byte says how long that
                   * is */
    NBD_AND_FAIL, /* what is read comes, and an error behind it */
    NBD_HOLE,     /* what is read is a hole */
    NBD_EXTENTS,  /* a byte of count, then five bytes each: length, flags */
    NBD_WRONG_LENGTH, /* too much or too little; a byte says how much */
    NBD_WRONG_PLACE,
    NBD_WRONG_COOKIE,
    NBD_RAW, /* a byte of count, then bytes */
    NBD_HANG_UP,
    NBD_MOODS,
};

struct nbd_script {
    struct store *content; /* of the export, not owned */
    uint64_t size;
    uint32_t minimum, preferred, maximum; /* block sizes */
    uint16_t flags;                       /* of the export, as on the wire */
    uint8_t flaws;
    const uint8_t *moods;
    size_t nb_moods; /* bytes */
};

/* The next store on an NBD server that is opened is this one's. */
void nbd_server_begin(const struct nbd_script *script);

/* Has it said what was not true?  Errors are none. */
bool nbd_server_has_lied(void);

/* After the store was closed. */
void nbd_server_end(void);

#endif
