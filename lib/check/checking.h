/* SPDX-License-Identifier: BSD-3-Clause */
/* checking.h - what the parts of one check share
 *
 * A check has three phases.  Count: every structure that uses host clusters adds its references.
 * Compare: stored refcounts against the counts.  COPIED: the flags of the active tables against the
 * stored refcounts.  Each phase is finished before the next one starts, and what the first two
 * leave here (references, stored) is what a repair (repair.h) starts from.
 *
 * Weights.  A table that is reached n times refers n times to what it names, and is checked once
 * with weight n: all its references and findings count n times, as they do where every way is
 * walked (qemu-img), but each is told once.  The work is therefore linear in the size of the file,
 * whatever the tables say.
 */

#ifndef QCOW2_CHECK_CHECKING_H
#define QCOW2_CHECK_CHECKING_H

#include "check/check.h"
#include "check/lookup.h"
#include "check/references.h"
#include "check/source.h"
#include "check/stored.h"
#include "format/snapshot_table.h"

/* One L2 table and the ways to it. */
struct l2_table {
    uint64_t offset;
    uint64_t weight;    /* L1 entries that point here, of all L1 tables */
    uint64_t active;    /* of these, entries of the active L1 table */
    uint64_t l1_index;  /* of the first of them */
    bool copied_wrong;  /* some COPIED flag contradicts the stored refcount */
    bool leads_nowhere; /* some entry refers to what a repair drops */
};

struct repair;

struct checking {
    const struct header *header;
    const struct geometry *geometry;
    struct source source;
    uint64_t file_end; /* the file's length, in whole sectors */
    uint64_t clusters; /* host clusters that the file has, and one more if one is half inside */

    struct snapshot_table snapshots;
    struct snapshot_damage snapshot_damage;

    struct stored stored;
    struct references references;
    bool overflowed;   /* some count stopped at the largest value */
    bool rebuild;      /* the refcount structures cannot be corrected in place */
    bool inexact;      /* some stored refcount is not the true one */
    uint64_t room_end; /* bytes: as far as new refcount structures might make the file grow */
    bool room_claimed; /* something refers to a place between the file's end and there */

    struct l2_table *l2_tables; /* in the order in which L1 tables name them */
    size_t nb_l2_tables;
    size_t l2_capacity;
    struct lookup l2_by_offset; /* offset -> index in l2_tables */
    bool l1_leads_nowhere;      /* the same of some L1 entry */
    uint64_t unaligned_budget;  /* bytes of L2 tables at odd places that will still be read */

    bool gave_up; /* something could not be decoded: there is nothing to compare */

    struct repair *repair; /* NULL: nothing is changed */

    qcow2_check_message *message;
    void *opaque;
    qcow2_check_result *result;
};

/* Tell a finding. */
void checking_say(struct checking *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tell a corruption that counts weight times. */
void checking_corruption(struct checking *c, uint64_t weight, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tell what cannot be checked, and compare nothing after the current phase. */
void checking_give_up(struct checking *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Does a region end less than a cluster beyond the end of the file?  An image's last cluster may be
 * half inside. */
bool checking_is_inside(const struct checking *c, uint64_t offset, uint64_t count);

/* weight references to each cluster that [offset, offset + count) touches; a corruption when it
 * is not inside. */
int checking_refer(struct checking *c, uint64_t offset, uint64_t count, uint64_t weight);

/* Do these clusters have owners references and no more?  Not when counts stopped too early to
 * tell. */
bool checking_is_owned(const struct checking *c, uint64_t offset, uint64_t count, uint64_t owners);

/* snapshots.c: the table is read once, and counted as often as all is counted. */
int checking_load_snapshots(struct checking *c);
int checking_count_snapshots(struct checking *c);

/* tree.c: the active tables and those of snapshots, up to L2.  */
int checking_count_active_l1(struct checking *c);
int checking_count_snapshot_l1s(struct checking *c, const struct snapshot_table *table);
int checking_count_l2_tables(struct checking *c);
/* Is the active L1 table, or its end, missing?  Then nobody knows what the image holds. */
bool checking_l1_is_cut(const struct checking *c);
int checking_visit_active_l1(struct checking *c, source_word *visit);
int checking_visit_snapshot_l1s(struct checking *c, const struct snapshot_table *table,
                                source_word *visit);

/* bitmaps.c */
int checking_count_bitmaps(struct checking *c);

/* structures.c: refcount table and refcount blocks. */
int checking_count_refcount_structures(struct checking *c);

/* compare.c: stored refcounts against the counts.  What is to be corrected on the way. */
#define CORRECT_LEAKS 0x1u
#define CORRECT_ERRORS 0x2u
int checking_compare_refcounts(struct checking *c, uint32_t correct);

/* copied.c */
int checking_compare_copied(struct checking *c);

#endif
