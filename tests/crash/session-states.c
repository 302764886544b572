/* SPDX-License-Identifier: BSD-3-Clause */
/* session-states.c - saving the state of a machine, and bringing it back */

#include <inttypes.h>

#include "base/bits.h"
#include "base/error.h"
#include "crash/random.h"
#include "crash/session.h"
#include "image/vm_state.h"

static int write_state(struct session *s, const struct vm_state *state, uint64_t first,
                       uint64_t count)
{
    uint32_t l1_size;
    int r;

    if (count == 0)
        return 0;
    if (!session_ask(s, "write VM state 0x%" PRIx64 " + 0x%" PRIx64, first * SECTOR,
                     count * SECTOR))
        return -1;
    vm_state_fill(state, first, count, s->bytes);
    l1_size = s->image->tables.l1_size;
    r = image_vm_state_write(s->image, s->bytes, count * SECTOR, first * SECTOR, 0);
    if (r == 0 && s->image->tables.l1_size > l1_size)
        session_forgive(s);
    session_end_request(s, "Writing a VM state", r, 0, 0, false);
    return r;
}

/* In pieces, some of them twice.  What was not written as a whole is not saved. */
void session_save(struct session *s, uint64_t count)
{
    struct vm_state state = { ++s->next_stamp << 24, count };
    struct vm_state other = { ++s->next_stamp << 24, count };
    uint64_t first = random_below(&s->random, count), again = random_below(&s->random, count);

    if (session_snapshots(s) == MAX_SNAPSHOTS_KEPT || s->shape->data_file)
        return;
    if (write_state(s, &state, 0, first) == -1 ||
        write_state(s, &other, again, min_u64(3, count - again)) == -1)
        return;
    if (random_below(&s->random, 3) == 0)
        session_flush(s);
    if (write_state(s, &state, first, count - first) == -1 ||
        write_state(s, &state, again, min_u64(3, count - again)) == -1)
        return;
    session_freeze(s, &state);
}

void session_compare_state(struct session *s, const struct vm_state *state)
{
    struct seen_state seen = { 0 };

    if (s->over)
        return;
    if (seen_state_read(&seen, s->image, state->count * SECTOR) == -1)
        session_wrong(s, "live", "The VM state cannot be read: %s", error_message());
    else if (!seen_state_is(&seen, state))
        session_wrong(s, "live", "The VM state is not that of the snapshot");
    seen_state_destroy(&seen);
}
