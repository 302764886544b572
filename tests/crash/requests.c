/* SPDX-License-Identifier: BSD-3-Clause */
/* requests.c - random requests
 *
 * What a request touches is chosen so that neighbours are often touched again: a few places, whole
 * clusters, parts of them.
 */

#include "crash/requests.h"

#include "base/bits.h"
#include "crash/random.h"

struct range {
    uint64_t at;
    uint64_t count; /* sectors */
};

static struct range pick_range(struct session *s)
{
    uint64_t cluster = (UINT64_C(1) << s->shape->cluster_bits) / SECTOR;
    uint64_t size = session_size(s), places = 6;
    uint64_t near = size * random_below(&s->random, places) / places;
    struct range r;

    switch (random_below(&s->random, 5)) {
    case 0: /* a sector anywhere */ r = (struct range){ random_below(&s->random, size), 1 }; break;
    case 1: /* whole clusters */
        r.at = round_down(near, cluster);
        r.count = cluster * (1 + random_below(&s->random, 3));
        break;
    case 2: /* across a border */
        r.at = round_down(near, cluster) + random_below(&s->random, cluster);
        r.count = 1 + random_below(&s->random, 2 * cluster);
        break;
    case 3: /* many clusters */
        r.at = random_below(&s->random, size);
        r.count = 1 + random_below(&s->random, size / 3);
        break;
    default: /* a few sectors of a favourite place */
        r = (struct range){ near, 1 + random_below(&s->random, 4) };
        break;
    }
    r.at = min_u64(r.at, size - 1);
    r.count = min_u64(r.count, size - r.at);
    return r;
}

static enum request pick_request(struct session *s, const mixture *m)
{
    uint64_t sum = 0, pick;

    for (int i = 0; i < REQUEST_KINDS; i++)
        sum += (*m)[i];
    pick = random_below(&s->random, sum);
    for (int i = 0; i < REQUEST_KINDS; i++) {
        if (pick < (*m)[i])
            return (enum request)i;
        pick -= (*m)[i];
    }
    return REQUEST_WRITE;
}

static void grow(struct session *s)
{
    uint64_t size = session_size(s), most = s->oracle.sector_count;

    if (size < most)
        session_resize(s, min_u64(most, size + 1 + random_below(&s->random, most / 6)));
}

/* Version 2 cannot do it once there are snapshots. */
static void shrink(struct session *s)
{
    uint64_t size = session_size(s);

    if (size > 20 && (s->version > 2 || session_snapshots(s) == 0))
        session_resize(s, size - 1 - random_below(&s->random, size / 2));
}

static void change_bitmaps(struct session *s)
{
    size_t index = random_below(&s->random, session_bitmaps(s) + 1);
    size_t other = random_below(&s->random, session_bitmaps(s) + 1);

    switch (random_below(&s->random, 9)) {
    case 0: session_bitmap_remove(s, index); break;
    case 1: session_bitmap_clear(s, index); break;
    case 2:
    case 3: session_bitmap_toggle(s, index); break;
    case 4: session_bitmap_merge(s, index, other); break;
    case 5: session_bitmap_merge_across(s, index); break;
    default: session_bitmap_add(s); break;
    }
}

static void amend(struct session *s)
{
    uint32_t version = 2 + (random_below(&s->random, 3) > 0);
    uint32_t bits = version < 3 ? 16 : 1u << random_below(&s->random, 7);

    session_amend(s, version, bits);
}

static void make_request(struct session *s, enum request request)
{
    struct range r = pick_range(s);
    size_t snapshot = random_below(&s->random, session_snapshots(s) + 1);

    switch (request) {
    case REQUEST_WRITE: session_write(s, r.at, r.count, false); break;
    case REQUEST_FUA: session_write(s, r.at, r.count, true); break;
    case REQUEST_COMPRESS: session_compress(s, r.at, r.count); break;
    case REQUEST_ZERO: session_zero(s, r.at, r.count, false); break;
    case REQUEST_UNMAP: session_zero(s, r.at, r.count, true); break;
    case REQUEST_DISCARD: session_discard(s, r.at, r.count); break;
    case REQUEST_FLUSH: session_flush(s); break;
    case REQUEST_REOPEN: session_reopen(s); break;
    case REQUEST_RESIZE: grow(s); break;
    case REQUEST_SHRINK: shrink(s); break;
    case REQUEST_SAVE: session_save(s, 1 + random_below(&s->random, s->shape->size)); break;
    case REQUEST_CREATE: session_snapshot_create(s); break;
    case REQUEST_APPLY: session_snapshot_apply(s, snapshot); break;
    case REQUEST_DELETE: session_snapshot_delete(s, snapshot); break;
    case REQUEST_BITMAP: change_bitmaps(s); break;
    case REQUEST_AMEND: amend(s); break;
    case REQUEST_AMEND_ALL: session_amend_all(s); break;
    case REQUEST_KINDS: break;
    }
}

void run_mixture(struct session *s, unsigned count, const mixture *m)
{
    for (unsigned i = 0; i < count && !s->over; i++)
        make_request(s, pick_request(s, m));
}
