/* SPDX-License-Identifier: BSD-3-Clause */
/* vm-state.h - the state of a machine beside the disk: what was written, and what is seen of it
 *
 * Each sector of a state holds a stamp of its own, as those of the disk do.
 */

#ifndef CRASH_VM_STATE_H
#define CRASH_VM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qcow2_image;

struct vm_state {
    uint64_t stamp; /* of the first sector; each has one more than the one before */
    uint64_t count; /* sectors; 0: there is no state */
};

struct seen_state {
    uint64_t size; /* bytes, as the snapshot records them */
    uint8_t *bytes;
    size_t room;
};

/* The bytes of the sectors from first on. */
void vm_state_fill(const struct vm_state *state, uint64_t first, uint64_t count, uint8_t *bytes);

/* Read that many bytes from the start of an image's state. */
int seen_state_read(struct seen_state *seen, struct qcow2_image *image, uint64_t size);
void seen_state_destroy(struct seen_state *seen);

bool seen_state_is(const struct seen_state *seen, const struct vm_state *state);

#endif
