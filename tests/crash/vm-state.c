/* SPDX-License-Identifier: BSD-3-Clause */
/* vm-state.c - the state of a machine beside the disk: what was written, and what is seen of it */

#include "crash/vm-state.h"

#include <stdlib.h>
#include <string.h>

#include "crash/record.h"
#include "image/vm_state.h"

void vm_state_fill(const struct vm_state *state, uint64_t first, uint64_t count, uint8_t *bytes)
{
    for (uint64_t i = 0; i < count; i++) {
        uint64_t stamp = state->stamp + first + i;

        for (size_t k = 0; k < SECTOR; k += sizeof stamp)
            memcpy(bytes + i * SECTOR + k, &stamp, sizeof stamp);
    }
}

int seen_state_read(struct seen_state *seen, struct qcow2_image *image, uint64_t size)
{
    seen->size = size;
    if (size >= seen->room) {
        free(seen->bytes);
        seen->room = size + SECTOR;
        seen->bytes = malloc(seen->room);
        if (seen->bytes == NULL)
            abort();
    }
    return size > 0 ? image_vm_state_read(image, seen->bytes, size, 0) : 0;
}

void seen_state_destroy(struct seen_state *seen)
{
    free(seen->bytes);
}

bool seen_state_is(const struct seen_state *seen, const struct vm_state *state)
{
    uint8_t sector[SECTOR];

    if (seen->size != state->count * SECTOR)
        return false;
    for (uint64_t i = 0; i < state->count; i++) {
        vm_state_fill(state, i, 1, sector);
        if (memcmp(seen->bytes + i * SECTOR, sector, SECTOR) != 0)
            return false;
    }
    return true;
}
