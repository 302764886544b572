/* SPDX-License-Identifier: BSD-3-Clause */
/* scenario.c - what is done to an image while the power may fail
 *
 * Most scripts are random: a table says how often which request is made.
 */

#include "crash/scenario.h"

#include "base/bits.h"
#include "crash/random.h"
#include "crash/requests.h"

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

/* Parts of compressed clusters are overwritten, cleared and given back, and what that frees is
 * wanted again at once, while the last flush still points there. */
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

/* Several things by one amendment, and not at one instant. */
static void run_amend_all(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 6,  [REQUEST_ZERO] = 2,      [REQUEST_UNMAP] = 2,
        [REQUEST_FLUSH] = 1,  [REQUEST_REOPEN] = 1,    [REQUEST_CREATE] = 1,
        [REQUEST_DELETE] = 2, [REQUEST_AMEND_ALL] = 9, [REQUEST_BITMAP] = 1
    };

    session_write(s, 0, session_size(s) / 3, false);
    run_mixture(s, 24, &m);
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

/* Bitmaps whose disk grows and shrinks, and what bitmaps of other images say of it. */
static void run_bitmap_resize(struct session *s)
{
    static const mixture m = {
        [REQUEST_WRITE] = 6,  [REQUEST_UNMAP] = 1,  [REQUEST_DISCARD] = 1, [REQUEST_FLUSH] = 1,
        [REQUEST_REOPEN] = 2, [REQUEST_RESIZE] = 5, [REQUEST_SHRINK] = 5,  [REQUEST_BITMAP] = 1,
        [REQUEST_CREATE] = 1, [REQUEST_APPLY] = 1
    };

    add_bitmaps(s);
    for (size_t i = 0; i < 3; i++) {
        session_bitmap_merge_across(s, i);
        run_mixture(s, 6, &m);
        session_bitmap_merge_across(s, i);
        session_reopen(s);
    }
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
    { .name = "amend-all", .rules = "R4 R5 R7 I8 I9", .run = run_amend_all },
    { .name = "compressed", .rules = "R1 R6 I3 I7", .run = run_compressed },
    { .name = "overwritten-streams", .rules = "R5 R6 I3 I7", .run = run_overwritten_streams },
    { .name = "mixed", .rules = "R1-R7 I1-I9", .run = run_mixed },
    { .name = "bitmaps", .rules = "R7 I10", .run = run_bitmaps, .suits = has_bitmaps },
    { .name = "bitmap-life",
      .rules = "R4 R7 I9 I10",
      .run = run_bitmap_life,
      .suits = has_bitmaps },
    { .name = "bitmap-resize",
      .rules = "R4 R5 R7 I9 I10",
      .run = run_bitmap_resize,
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
