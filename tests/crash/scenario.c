/* SPDX-License-Identifier: BSD-3-Clause */
/* scenario.c - what is done to an image while the power may fail
 *
 * Most scripts are random: a table says how often which request is made.  What a request touches is
 * chosen so that neighbours are often touched again: a few places, whole clusters, parts of them.
 */

#include "crash/scenario.h"

#include "base/bits.h"
#include "crash/random.h"

/* Disks span several L2 tables where clusters are small, and end inside a cluster. */
const struct shape shapes[] = {
    { .name = "512", .cluster_bits = 9, .refcount_bits = 16, .version = 3, .size = 197 },
    { .name = "512-v2", .cluster_bits = 9, .refcount_bits = 16, .version = 2, .size = 150 },
    { .name = "512-r1", .cluster_bits = 9, .refcount_bits = 1, .version = 3, .size = 130 },
    { .name = "512-r64-discard",
      .cluster_bits = 9,
      .refcount_bits = 64,
      .version = 3,
      .size = 180,
      .discard = true,
      .scribble = true },
    { .name = "512-small-cache",
      .cluster_bits = 9,
      .refcount_bits = 32,
      .version = 3,
      .size = 640,
      .l2_cache = 1 },
    { .name = "512-r64-growing",
      .cluster_bits = 9,
      .refcount_bits = 64,
      .version = 3,
      .size = 160,
      .leaked = 4080 },
    { .name = "512-r64-growing-discard",
      .cluster_bits = 9,
      .refcount_bits = 64,
      .version = 3,
      .size = 160,
      .leaked = 3990,
      .discard = true },
    { .name = "1k-r2-backing",
      .cluster_bits = 10,
      .refcount_bits = 2,
      .version = 3,
      .size = 301,
      .backing = 420,
      .discard = true },
    { .name = "2k-r8-discard",
      .cluster_bits = 11,
      .refcount_bits = 8,
      .version = 3,
      .size = 407,
      .discard = true,
      .scribble = true },
    { .name = "4k", .cluster_bits = 12, .refcount_bits = 16, .version = 3, .size = 333 },
    { .name = "4k-backing",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 250,
      .backing = 200 },
    { .name = "4k-v2-backing",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 2,
      .size = 200,
      .backing = 170 },
    { .name = "8k-r4-discard",
      .cluster_bits = 13,
      .refcount_bits = 4,
      .version = 3,
      .size = 300,
      .discard = true },
    { .name = "64k", .cluster_bits = 16, .refcount_bits = 16, .version = 3, .size = 1000 },
    { .name = "64k-backing-discard",
      .cluster_bits = 16,
      .refcount_bits = 16,
      .version = 3,
      .size = 700,
      .backing = 1100,
      .discard = true },
    { .name = "128k-r1",
      .cluster_bits = 17,
      .refcount_bits = 1,
      .version = 3,
      .size = 1500,
      .discard = true },
    { .name = "2M-r64",
      .cluster_bits = 21,
      .refcount_bits = 64,
      .version = 3,
      .size = 8300,
      .slow = true },
    { .name = "2M-extended-backing",
      .cluster_bits = 21,
      .refcount_bits = 32,
      .version = 3,
      .size = 5000,
      .backing = 6000,
      .extended = true,
      .slow = true },
    { .name = "512-data",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 3,
      .size = 199,
      .data_file = DATA_FILE_PLAIN,
      .discard = true },
    { .name = "4k-data-backing",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 301,
      .backing = 270,
      .data_file = DATA_FILE_PLAIN,
      .discard = true },
    { .name = "512-raw-data",
      .cluster_bits = 9,
      .refcount_bits = 1,
      .version = 3,
      .size = 187,
      .data_file = DATA_FILE_RAW,
      .discard = true },
    { .name = "4k-raw-data",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 410,
      .data_file = DATA_FILE_RAW },
    { .name = "16k-extended-data",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 500,
      .extended = true,
      .data_file = DATA_FILE_PLAIN,
      .discard = true },
    { .name = "16k-extended-raw-data",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 333,
      .extended = true,
      .data_file = DATA_FILE_RAW },
    { .name = "4k-qemu",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 270,
      .qemu = true },
    { .name = "512-v2-qemu",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 2,
      .size = 210,
      .qemu = true,
      .discard = true },
    { .name = "64k-qemu",
      .cluster_bits = 16,
      .refcount_bits = 16,
      .version = 3,
      .size = 900,
      .qemu = true },
    { .name = "512-small-cache-preallocated",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 3,
      .size = 1300,
      .l2_cache = 1,
      .preallocated = true },
    { .name = "16k-extended",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 333,
      .extended = true },
    { .name = "16k-extended-backing-discard",
      .cluster_bits = 14,
      .refcount_bits = 8,
      .version = 3,
      .size = 290,
      .backing = 400,
      .extended = true,
      .discard = true },
    { .name = "32k-extended-preallocated",
      .cluster_bits = 15,
      .refcount_bits = 64,
      .version = 3,
      .size = 601,
      .backing = 500,
      .extended = true,
      .preallocated = true },
    { .name = "16k-extended-qemu",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 300,
      .extended = true,
      .qemu = true,
      .discard = true },
    { .name = "512-lazy",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 3,
      .size = 190,
      .lazy = true },
    { .name = "4k-lazy-discard",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 300,
      .lazy = true,
      .discard = true },
    { .name = "512-r64-lazy-growing",
      .cluster_bits = 9,
      .refcount_bits = 64,
      .version = 3,
      .size = 160,
      .leaked = 4040,
      .lazy = true },
    { .name = "16k-lazy-extended-backing",
      .cluster_bits = 14,
      .refcount_bits = 4,
      .version = 3,
      .size = 290,
      .backing = 300,
      .lazy = true,
      .extended = true },
    { .name = "4k-opened-lazy",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 280,
      .lazy_opened = true },
    { .name = "512-r64-opened-lazy-growing",
      .cluster_bits = 9,
      .refcount_bits = 64,
      .version = 3,
      .size = 160,
      .leaked = 4040,
      .lazy_opened = true,
      .discard = true },
    { .name = "4k-keeping-discard",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 3,
      .size = 260,
      .keeps = true,
      .discard = true,
      .scribble = true },
    { .name = "16k-extended-keeping-backing-discard",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 300,
      .backing = 260,
      .extended = true,
      .keeps = true,
      .discard = true },
    { .name = "512-above-raw",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 3,
      .size = 190,
      .base = 150,
      .other = 240,
      .base_format = "raw",
      .other_format = "raw" },
    { .name = "4k-above-longer",
      .cluster_bits = 12,
      .refcount_bits = 8,
      .version = 3,
      .size = 301,
      .base = 410,
      .other = 200,
      .other_format = "raw",
      .discard = true },
    { .name = "1k-v2-above-shorter",
      .cluster_bits = 10,
      .refcount_bits = 16,
      .version = 2,
      .size = 210,
      .base = 130,
      .other = 210 },
    { .name = "2k-above-two",
      .cluster_bits = 11,
      .refcount_bits = 64,
      .version = 3,
      .size = 250,
      .base = 180,
      .other = 310,
      .deep = true },
    { .name = "64k-above-raw-and-base",
      .cluster_bits = 16,
      .refcount_bits = 16,
      .version = 3,
      .size = 600,
      .base = 700,
      .other = 300,
      .other_format = "raw",
      .deep = true,
      .discard = true },
    { .name = "16k-extended-above-two",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 333,
      .base = 222,
      .other = 333,
      .deep = true,
      .extended = true },
    { .name = "512-lazy-above-raw",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 3,
      .size = 180,
      .base = 180,
      .other = 99,
      .other_format = "raw",
      .base_format = "raw",
      .lazy = true },
    { .name = "512-luks",
      .cluster_bits = 9,
      .refcount_bits = 16,
      .version = 3,
      .size = 190,
      .luks = true,
      .slow = true },
    { .name = "4k-luks-discard",
      .cluster_bits = 12,
      .refcount_bits = 8,
      .version = 3,
      .size = 301,
      .luks = true,
      .discard = true,
      .scribble = true,
      .slow = true },
    { .name = "4k-v2-luks-backing",
      .cluster_bits = 12,
      .refcount_bits = 16,
      .version = 2,
      .size = 250,
      .backing = 200,
      .luks = true,
      .slow = true },
    { .name = "16k-luks-extended-backing-discard",
      .cluster_bits = 14,
      .refcount_bits = 16,
      .version = 3,
      .size = 290,
      .backing = 330,
      .extended = true,
      .luks = true,
      .discard = true,
      .slow = true },
    { 0 },
};

/* ------------------------------------------------------------------------------------------------
 * Random requests
 */

enum request {
    REQUEST_WRITE,
    REQUEST_FUA,
    REQUEST_COMPRESS,
    REQUEST_ZERO,
    REQUEST_UNMAP,
    REQUEST_DISCARD,
    REQUEST_FLUSH,
    REQUEST_REOPEN,
    REQUEST_RESIZE,
    REQUEST_SHRINK,
    REQUEST_SAVE,
    REQUEST_CREATE,
    REQUEST_APPLY,
    REQUEST_DELETE,
    REQUEST_BITMAP,
    REQUEST_AMEND,
    REQUEST_KINDS,
};

/* How often, of the sum of all. */
typedef unsigned char mixture[REQUEST_KINDS];

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

    switch (random_below(&s->random, 8)) {
    case 0: session_bitmap_remove(s, index); break;
    case 1: session_bitmap_clear(s, index); break;
    case 2:
    case 3: session_bitmap_toggle(s, index); break;
    case 4: session_bitmap_merge(s, index, other); break;
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
    case REQUEST_KINDS: break;
    }
}

static void run_mixture(struct session *s, unsigned count, const mixture *m)
{
    for (unsigned i = 0; i < count && !s->over; i++)
        make_request(s, pick_request(s, m));
}

/* ------------------------------------------------------------------------------------------------
 * Scripts
 */

static void run_writes(struct session *s)
{
    static const mixture m = { [REQUEST_WRITE] = 12,
                               [REQUEST_FUA] = 1,
                               [REQUEST_ZERO] = 3,
                               [REQUEST_FLUSH] = 4,
                               [REQUEST_REOPEN] = 1 };

    run_mixture(s, 40, &m);
}

/* Many small writes between two flushes. */
static void run_bursts(struct session *s)
{
    for (int i = 0; i < 5; i++) {
        for (uint64_t n = 3 + random_below(&s->random, 12); n > 0; n--) {
            uint64_t at = random_below(&s->random, session_size(s));

            session_write(s, at, 1 + (at + 1 < session_size(s)), false);
        }
        session_flush(s);
    }
}

static void run_discard(struct session *s)
{
    static const mixture m = { [REQUEST_WRITE] = 8,   [REQUEST_ZERO] = 1,  [REQUEST_UNMAP] = 4,
                               [REQUEST_DISCARD] = 6, [REQUEST_FLUSH] = 5, [REQUEST_REOPEN] = 1 };

    session_write(s, 0, session_size(s) / 2, false);
    run_mixture(s, 40, &m);
}

static void run_snapshots(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 12,  [REQUEST_FUA] = 1,   [REQUEST_ZERO] = 2,   [REQUEST_UNMAP] = 1,
        [REQUEST_DISCARD] = 2, [REQUEST_FLUSH] = 2, [REQUEST_REOPEN] = 1, [REQUEST_CREATE] = 4,
        [REQUEST_APPLY] = 3,   [REQUEST_DELETE] = 3
    };

    session_write(s, 0, session_size(s) / 3, false);
    run_mixture(s, 30, &m);
}

static void run_resize(struct session *s)
{
    static const mixture m = { [REQUEST_WRITE] = 10, [REQUEST_ZERO] = 1,   [REQUEST_DISCARD] = 2,
                               [REQUEST_FLUSH] = 2,  [REQUEST_REOPEN] = 1, [REQUEST_RESIZE] = 6,
                               [REQUEST_CREATE] = 2, [REQUEST_APPLY] = 2,  [REQUEST_DELETE] = 1 };

    run_mixture(s, 30, &m);
}

static void run_shrink(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 10, [REQUEST_ZERO] = 1,   [REQUEST_COMPRESS] = 1, [REQUEST_FLUSH] = 2,
        [REQUEST_REOPEN] = 1, [REQUEST_RESIZE] = 4, [REQUEST_SHRINK] = 6,   [REQUEST_CREATE] = 2,
        [REQUEST_APPLY] = 2,  [REQUEST_DELETE] = 1
    };

    session_write(s, 0, session_size(s), false);
    run_mixture(s, 30, &m);
}

/* The states of machines beside disks that change, their sizes, too. */
static void run_states(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 10, [REQUEST_DISCARD] = 1, [REQUEST_FLUSH] = 1, [REQUEST_REOPEN] = 1,
        [REQUEST_RESIZE] = 1, [REQUEST_SHRINK] = 1,  [REQUEST_SAVE] = 6,  [REQUEST_CREATE] = 1,
        [REQUEST_APPLY] = 4,  [REQUEST_DELETE] = 3
    };

    session_write(s, 0, session_size(s) / 3, false);
    run_mixture(s, 24, &m);
}

/* Streams that share host clusters, and what overwrites them. */
static void run_compressed(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 6,   [REQUEST_COMPRESS] = 10, [REQUEST_UNMAP] = 1,
        [REQUEST_DISCARD] = 2, [REQUEST_FLUSH] = 3,     [REQUEST_REOPEN] = 1,
        [REQUEST_CREATE] = 1,  [REQUEST_APPLY] = 1,     [REQUEST_DELETE] = 1
    };

    session_compress(s, 0, session_size(s) / 2);
    run_mixture(s, 40, &m);
}

/* Parts of compressed clusters are overwritten, cleared and given back, and what that frees is wanted
 * again at once, while the last flush still points there. */
static void run_overwritten_streams(struct session *s)
{
    uint64_t cluster = (UINT64_C(1) << s->shape->cluster_bits) / SECTOR;
    uint64_t size = session_size(s);

    session_compress(s, 0, size);
    session_flush(s);
    for (int i = 0; i < 30 && !s->over; i++) {
        uint64_t at = random_below(&s->random, size - 1);
        uint64_t whole = round_down(at, cluster);

        switch (random_below(&s->random, 6)) {
        case 0: session_write(s, at, 1, false); break;
        case 1: session_write(s, at, min_u64(2 * cluster, size - at), false); break;
        case 2: session_zero(s, at, 1, true); break;
        case 3: session_discard(s, whole, min_u64(3 * cluster, size - whole)); break;
        case 4: session_compress(s, whole, min_u64(4 * cluster, size - whole)); break;
        default:
            if (random_below(&s->random, 3) == 0)
                session_flush(s);
        }
    }
}

static void run_mixed(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 14, [REQUEST_COMPRESS] = 2, [REQUEST_FUA] = 1,   [REQUEST_ZERO] = 2,
        [REQUEST_UNMAP] = 2,  [REQUEST_DISCARD] = 3,  [REQUEST_FLUSH] = 3, [REQUEST_REOPEN] = 1,
        [REQUEST_RESIZE] = 1, [REQUEST_CREATE] = 2,   [REQUEST_APPLY] = 1, [REQUEST_DELETE] = 1
    };

    run_mixture(s, 60, &m);
}

/* Versions and refcount widths, up and down, with zero clusters of all kinds. */
static void run_amend(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 6, [REQUEST_ZERO] = 3,   [REQUEST_UNMAP] = 3,  [REQUEST_DISCARD] = 2,
        [REQUEST_FLUSH] = 1, [REQUEST_REOPEN] = 1, [REQUEST_RESIZE] = 1, [REQUEST_CREATE] = 2,
        [REQUEST_APPLY] = 1, [REQUEST_DELETE] = 2, [REQUEST_AMEND] = 8
    };

    session_write(s, 0, session_size(s) / 3, false);
    run_mixture(s, 30, &m);
}

/* Version 3, then 2, then 3, above data that snapshots share. */
static void run_amend_versions(struct session *s)
{
    uint64_t size = session_size(s);

    session_write(s, 0, size / 2, false);
    session_zero(s, size / 8, size / 4, false);
    session_snapshot_create(s);
    session_zero(s, size / 4, size / 2, false);
    session_zero(s, size / 3, size / 3, true);
    session_snapshot_create(s);
    session_zero(s, 0, size / 6, false);
    session_amend(s, 2, 16);
    session_write(s, size / 5, 3, false);
    session_amend(s, 3, 16);
    session_amend(s, 3, 64);
    session_zero(s, 1, size / 2, true);
    session_amend(s, 3, 8);
    session_snapshot_delete(s, 0);
    session_amend(s, 2, 16);
    session_flush(s);
}

/* The life of a snapshot, step by step. */
static void run_snapshot_life(struct session *s)
{
    uint64_t size = session_size(s);

    session_write(s, 0, size / 2, false);
    session_flush(s);
    session_snapshot_create(s);
    session_write(s, size / 4, size / 2, false);
    session_snapshot_create(s);
    session_write(s, 0, 1, false);
    session_discard(s, size / 8, size / 2);
    session_snapshot_apply(s, 0);
    session_write(s, 1, 2, false);
    session_flush(s);
    session_snapshot_delete(s, 0);
    session_write(s, size / 3, 3, false);
    session_reopen(s);
    session_snapshot_apply(s, 0);
    session_snapshot_delete(s, 0);
    session_write(s, 0, size, false);
    session_flush(s);
}

/* Clusters that are freed and reused again and again. */
static void run_reuse(struct session *s)
{
    uint64_t size = session_size(s);

    for (int i = 0; i < 4; i++) {
        session_write(s, 0, size / 2, false);
        session_flush(s);
        session_discard(s, 0, size / 3);
        session_write(s, size / 2, size / 3, false);
        session_flush(s);
        session_write(s, size / 5, size / 3, false);
        session_zero(s, size / 2, size / 3, true);
        session_flush(s);
    }
}

static bool grows_tables(const struct shape *shape)
{
    return shape->leaked > 0;
}

/* New refcount blocks, then a new refcount table. */
static void run_growth(struct session *s)
{
    static const mixture m = { [REQUEST_WRITE] = 12, [REQUEST_UNMAP] = 1,  [REQUEST_DISCARD] = 1,
                               [REQUEST_FLUSH] = 2,  [REQUEST_CREATE] = 1, [REQUEST_DELETE] = 1 };

    for (int i = 0; i < 4; i++) {
        session_write(s, 0, session_size(s) / 2, false);
        session_snapshot_create(s);
        run_mixture(s, 6, &m);
    }
    session_reopen(s);
    run_mixture(s, 4, &m);
}

static bool has_snapshots(const struct shape *shape)
{
    return shape->data_file == DATA_FILE_NONE;
}

static bool has_bitmaps(const struct shape *shape)
{
    return shape->version >= 3 && shape->leaked == 0;
}

/* Three bitmaps from the start, one of them disabled after a while. */
static void add_bitmaps(struct session *s)
{
    session_bitmap_add(s);
    session_write(s, 0, session_size(s) / 8, false);
    session_bitmap_add(s);
    session_bitmap_add(s);
    session_bitmap_toggle(s, 1);
    session_reopen(s);
}

static void run_bitmaps(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 8,   [REQUEST_FUA] = 1,   [REQUEST_ZERO] = 2,   [REQUEST_UNMAP] = 2,
        [REQUEST_DISCARD] = 2, [REQUEST_FLUSH] = 2, [REQUEST_REOPEN] = 4, [REQUEST_RESIZE] = 1,
        [REQUEST_CREATE] = 1,  [REQUEST_APPLY] = 1, [REQUEST_DELETE] = 1, [REQUEST_BITMAP] = 5,
        [REQUEST_COMPRESS] = 1
    };

    add_bitmaps(s);
    run_mixture(s, 30, &m);
}

/* Each operation once, after changes in the same use of the image and without. */
static void run_bitmap_life(struct session *s)
{
    uint64_t size = session_size(s);

    add_bitmaps(s);
    session_snapshot_create(s);
    session_write(s, size / 2, size / 4, false);
    session_bitmap_merge(s, 1, 0);
    session_reopen(s);
    session_bitmap_merge(s, 1, 0);
    session_bitmap_clear(s, 0);
    session_zero(s, size / 3, size / 4, true);
    session_bitmap_clear(s, 0);
    session_reopen(s);
    session_resize(s, size + size / 2);
    session_reopen(s);
    session_snapshot_apply(s, 0);
    session_write(s, size / 5, 3, false);
    session_flush(s);
    session_bitmap_toggle(s, 1);
    session_bitmap_remove(s, 0);
    session_reopen(s);
    session_bitmap_remove(s, 0);
    session_bitmap_remove(s, 0);
    session_write(s, 0, size / 3, false);
    session_bitmap_add(s);
}

/* Damage, and a cut at every instant of the repair. */
static void run_repairs(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 8,   [REQUEST_COMPRESS] = 1, [REQUEST_UNMAP] = 2,
        [REQUEST_DISCARD] = 1, [REQUEST_CREATE] = 1,   [REQUEST_DELETE] = 1
    };

    session_write(s, 0, session_size(s) / 2, false);
    for (int i = 0; i < 6; i++) {
        run_mixture(s, 5, &m);
        session_repair(s);
    }
}

static const mixture chain_mixture = {
    [REQUEST_WRITE] = 10, [REQUEST_FUA] = 1,     [REQUEST_ZERO] = 2,
    [REQUEST_UNMAP] = 2,  [REQUEST_DISCARD] = 1, [REQUEST_COMPRESS] = 2,
    [REQUEST_FLUSH] = 1,  [REQUEST_REOPEN] = 1,  [REQUEST_RESIZE] = 1
};

/* From one file to the other and to none, now and then without care. */
static void run_rebase(struct session *s)
{
    static const enum part below[] = { PART_BASE, PART_OTHER, PART_OTHER, PARTS };

    for (int i = 0; i < 5; i++) {
        run_mixture(s, 3, &chain_mixture);
        session_rebase(s, below[(i + 1) % 4], random_below(&s->random, 4) == 0);
    }
}

/* Into the next file and into the one below it; what was emptied is filled again. */
static void run_commit(struct session *s)
{
    for (int i = 0; i < 5; i++) {
        run_mixture(s, 4, &chain_mixture);
        switch (random_below(&s->random, 6)) {
        case 0: session_commit(s, 2, false); break; /* refused */
        case 1: session_commit(s, 2, true); break;
        case 2: session_commit(s, 1, true); break;
        default: session_commit(s, 1, false); break;
        }
    }
}

/* Both, in turn. */
static void run_rebase_and_commit(struct session *s)
{
    for (int i = 0; i < 3; i++) {
        run_mixture(s, 3, &chain_mixture);
        session_rebase(s, PART_OTHER, false);
        run_mixture(s, 2, &chain_mixture);
        session_commit(s, 1, false);
        session_rebase(s, PART_BASE, false);
        run_mixture(s, 2, &chain_mixture);
        session_commit(s, 1, i == 1);
    }
}

static void run_repairs_with_bitmaps(struct session *s)
{
    add_bitmaps(s);
    run_repairs(s);
}

const struct script scripts[] = {
    { .name = "writes", .rules = "R3 R4 I3 I3b I4", .run = run_writes },
    { .name = "bursts", .rules = "R3 R4 I3 I3b I5", .run = run_bursts },
    { .name = "discard", .rules = "R5 R6 I6 I7", .run = run_discard },
    { .name = "reuse", .rules = "R5 R6 I6 I7", .run = run_reuse },
    { .name = "snapshots", .rules = "R1 R2 I1 I2 I9", .run = run_snapshots },
    { .name = "snapshot-life", .rules = "R1 R2 R7 I2 I8 I9", .run = run_snapshot_life },
    { .name = "resize", .rules = "R4 R7 I5 I8 I9", .run = run_resize },
    { .name = "shrink", .rules = "R4 R5 R7 I5 I8 I9", .run = run_shrink },
    { .name = "states",
      .rules = "R1 R2 R4 R7 I1 I2 I9",
      .run = run_states,
      .suits = has_snapshots },
    { .name = "amend", .rules = "R4 R7 I8 I9", .run = run_amend },
    { .name = "amend-versions", .rules = "R7 I8 I9", .run = run_amend_versions },
    { .name = "compressed", .rules = "R1 R6 I3 I7", .run = run_compressed },
    { .name = "overwritten-streams", .rules = "R5 R6 I3 I7", .run = run_overwritten_streams },
    { .name = "mixed", .rules = "R1-R7 I1-I9", .run = run_mixed },
    { .name = "bitmaps", .rules = "R7 I10", .run = run_bitmaps, .suits = has_bitmaps },
    { .name = "bitmap-life",
      .rules = "R4 R7 I9 I10",
      .run = run_bitmap_life,
      .suits = has_bitmaps },
    { .name = "repairs", .rules = "R1 R2 R7 I11", .run = run_repairs },
    { .name = "repairs-with-bitmaps",
      .rules = "R1 R2 R7 I10 I11",
      .run = run_repairs_with_bitmaps,
      .suits = has_bitmaps },
    { .name = "growth", .rules = "R1 R4 R7 I1 I5", .run = run_growth, .suits = grows_tables },
    { .name = "rebase", .rules = "R4 R7 I8 I9", .run = run_rebase, .chain = true },
    { .name = "commit", .rules = "R3 R5 I3 I9", .run = run_commit, .chain = true },
    { .name = "rebase-and-commit",
      .rules = "R4 R5 R7 I9",
      .run = run_rebase_and_commit,
      .chain = true },
    { 0 },
};
