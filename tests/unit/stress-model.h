/* SPDX-License-Identifier: BSD-3-Clause */
/* stress-model.h - what a disk may show while many threads change it
 *
 * The disk is a row of granules.  A change gives each granule that it covers a tag, which is also
 * the content: every 8-byte word of the granule holds the tag and the word's place, or is zero for
 * the tag 0.  Each granule has a history of changes, which are intervals of a common clock:
 *
 *     change A    |--------|
 *     change B          |-------|
 *     change C                        |------|
 *     read                                |-----|
 *
 * A read may see a change that began before the read ended, unless another change lies wholly
 * between the two.  Here it may see A or B, which are in no order, or C.  What a read has seen
 * happened before the read ended, whenever the change itself returns: this ends the change's
 * interval, so that no later read sees an older value.
 *
 * Locking: the histories have locks of their own; every function may be called by any thread.
 */

#ifndef QCOW2_TESTS_STRESS_MODEL_H
#define QCOW2_TESTS_STRESS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

struct model;

/* size is a multiple of granule, granule one of 8. */
struct model *model_new(uint64_t size, uint32_t granule, unsigned threads);
void model_free(struct model *model);

/* A thread begins an operation, and has ended it with all its observations.  The time when it
 * began. */
uint64_t model_enter(struct model *model, unsigned thread);
void model_leave(struct model *model, unsigned thread);
uint64_t model_now(struct model *model);

/* Some granules and what they hold: tags[i], or tag for all where tags is NULL. */
struct change {
    uint64_t first; /* granule */
    uint64_t count;
    uint64_t tag;
    const uint64_t *tags;
    uint64_t begin; /* time, different for each change */
};

void model_change_begin(struct model *model, const struct change *change);
void model_change_end(struct model *model, const struct change *change);

/* The bytes of granules with this tag. */
void model_fill(const struct model *model, uint64_t first, uint64_t count, uint64_t tag,
                uint8_t *buf);
uint64_t model_tag(const struct model *model, const uint8_t *granule);

/* Were the bytes there at one time between begin and end?  A granule must be of one change if whole
 * is set; else each of its words must be.  Says on stderr why not. */
bool model_observe(struct model *model, uint64_t first, uint64_t count, const uint8_t *buf,
                   uint64_t begin, uint64_t end, bool whole);

#endif
