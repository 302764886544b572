/* SPDX-License-Identifier: BSD-3-Clause */
/* cut.h - what one power cut leaves behind: a store of its own
 *
 * The durable content of a recorder and, over it, those changes of its journal that arrived.  Only
 * sectors that differ are kept, so that a state costs what it changes; the next state starts by
 * forgetting them.  It may be written, too: what an image does after the cut is tried on it.
 */

#ifndef CRASH_CUT_H
#define CRASH_CUT_H

#include "crash/record.h"

struct cut_file {
    struct store store;
    enum part part;
    struct cut *cut;
};

struct cut {
    struct cut_file files[PARTS];
    const struct recorder *recorder;
    const uint8_t **sectors; /* the content of each of the medium */
    uint64_t length[PARTS];

    uint32_t *dirty; /* numbers of the sectors that are not the recorder's */
    size_t dirty_count;
    uint8_t *room; /* for sectors that are put together */
    size_t room_used;
};

struct cut *cut_new(const struct recorder *recorder);
void cut_free(struct cut *cut);
/* The store of another file beside this one; NULL: this is not a cut's. */
struct store *cut_beside(struct store *store, enum part part);

/* Forget everything: the durable content. */
void cut_reset(struct cut *cut);

/* How many sectors a change touches. */
uint64_t change_sectors(const struct change *change);

/* A change arrived: all of it, or those of its sectors that the coin says. */
typedef bool sector_coin(void *opaque, uint64_t sector);
void cut_arrive(struct cut *cut, const struct change *change, sector_coin *coin, void *opaque);

/* Of content and length. */
uint64_t cut_hash(const struct cut *cut);

static inline struct store *cut_image(struct cut *cut)
{
    return &cut->files[PART_IMAGE].store;
}

#endif
