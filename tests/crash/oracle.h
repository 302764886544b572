/* SPDX-License-Identifier: BSD-3-Clause */
/* oracle.h - what an image may show after a power cut
 *
 * Sectors.  Every guest sector holds one 64-bit stamp, repeated; zero is a sector of zeroes.  A
 * sector admits the stamp it had when the last flush was acknowledged ("settled") and those issued
 * since.
 *
 * Views.  What is seen as a whole is a size, the active disk, a list of snapshots and one of
 * bitmaps. While an operation that changes it as a whole is under way, two views are admissible: as
 * before and as after; once it is acknowledged, only the latter.
 *
 * Below.  Images below have a content each, which a commit changes: while it is under way, each
 * sector is as before or as after.
 *
 * Time is counted in moments, one per operation of the scenario.  A state in which nothing arrived
 * that was issued after moment m may be what a cut at any time since m has left.  So it must show
 * what is promised now, and nothing that was issued later than m.
 */

#ifndef CRASH_ORACLE_H
#define CRASH_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crash/record.h"
#include "crash/tracked.h"
#include "crash/vm-state.h"

#define MAX_SNAPSHOTS_KEPT 8

/* The content of a disk that does not change any more. */
struct frozen {
    char name[16];
    uint64_t size; /* bytes */
    uint64_t *stamps;
    struct vm_state state;
    unsigned users; /* views that hold it */
};

struct view {
    uint64_t size;   /* bytes */
    uint64_t moment; /* from which on it is admissible */
    struct frozen
        *exactly; /* the active disk; NULL: what its sectors admit, zero if they are new */
    struct frozen *snapshots[MAX_SNAPSHOTS_KEPT];
    size_t count;
    struct tracked *bitmaps[MAX_TRACKED];
    size_t bitmap_count;
};

struct issued {
    uint64_t stamp;
    uint64_t moment;
    struct issued *older;
};

struct sector {
    uint64_t settled;
    uint64_t latest;
    struct issued *issued; /* since it was settled, newest first */
    bool doubtful;         /* a write of latest failed: it may be there or not */
};

/* An image below. */
struct below {
    struct frozen *now;  /* NULL: what it shows is nobody's business */
    struct frozen *next; /* NULL: it is not being changed */
};

struct oracle {
    uint64_t moment;
    struct sector *sectors;
    size_t sector_count; /* of the largest disk there will be */
    struct view now;
    struct view next; /* meaningful while changing */
    bool changing;
    struct below below[PARTS];
};

int oracle_init(struct oracle *oracle, uint64_t size, uint64_t max_size);
void oracle_destroy(struct oracle *oracle);

/* A sector is about to be given a stamp. */
void oracle_issue(struct oracle *oracle, uint64_t sector, uint64_t stamp);
/* What was issued in this range did not succeed as a whole. */
void oracle_doubt(struct oracle *oracle, uint64_t sector, uint64_t count);
/* The image shows a stamp in a sector: that settles a doubt, if it may show it. */
void oracle_resolve(struct oracle *oracle, uint64_t sector, uint64_t stamp);
/* A flush, or a write with FUA of this range, is acknowledged. */
void oracle_settle(struct oracle *oracle, uint64_t sector, uint64_t count);
void oracle_settle_all(struct oracle *oracle);

/* The active disk as it was last written. */
struct frozen *oracle_freeze(const struct oracle *oracle, const char *name);
struct frozen *frozen_hold(struct frozen *frozen);
void frozen_release(struct frozen *frozen);

/* A copy of the present view to make the next one of; then it is proposed, and after the operation
 * accepted or withdrawn. */
struct view oracle_copy_view(const struct oracle *oracle);
void oracle_propose(struct oracle *oracle, struct view *next);
void oracle_accept(struct oracle *oracle);
void oracle_withdraw(struct oracle *oracle);

/* The images below are as they were to become. */
void oracle_accept_below(struct oracle *oracle);

/* May this sector of the active disk show this stamp, in a view, by a moment? */
bool oracle_admits(const struct oracle *oracle, const struct view *view, uint64_t sector,
                   uint64_t stamp, uint64_t moment);

#endif
