/* SPDX-License-Identifier: BSD-3-Clause */
/* states.h - everything that a power cut may leave of the changes since the last barrier
 *
 * Of the changes in a recorder's journal any subset may have arrived, and of a change that covers
 * several sectors any subset of these.  Looked at are: every prefix (nothing and everything among
 * them), every loss of a single change, every arrival of a single change, with few changes every
 * pair of either, and a number of random subsets; each also with torn changes.
 */

#ifndef CRASH_STATES_H
#define CRASH_STATES_H

#include "crash/hash-set.h"
#include "crash/judge.h"

/* How and how much to look; the same for all scenarios. */
struct effort {
    unsigned subsets;      /* random ones per journal */
    unsigned use_every;    /* of so many states one is used for writing */
    unsigned qemu_every;   /* ... and one is shown to qemu-img; 0: none */
    const char *directory; /* for qemu-img's files */
    bool at_end;           /* look at a scenario's last journal only */
    uint64_t only;         /* look at the state of this number alone; 0: at all */
    bool verbose;          /* print what is done */
};

struct states {
    const struct effort *effort;
    struct recorder *recorder;
    struct judge judge;
    struct hash_set *distinct; /* of the whole run */
    struct hash_set judged;    /* of this journal */
    uint64_t random;
    uint64_t since;  /* the moment of the last barrier */
    uint64_t number; /* states so far, those that were seen before included */

    uint8_t *fates; /* of each change: enum fate */
    size_t fates_room;
    uint64_t tear; /* seed of what is torn */

    struct verdict verdict; /* the first bad one; then nothing more is looked at */
    uint64_t bad_number;
};

int states_init(struct states *states, const struct effort *effort, struct recorder *recorder,
                struct oracle *oracle, struct hash_set *distinct, uint64_t seed);
void states_destroy(struct states *states);

/* Two flush_observers: look at what a cut before the flush may leave, or do not. */
void states_visit(void *states);
void states_pass(void *states);

#endif
