/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - compare the stored refcounts of an image with the references that its tables hold
 *
 * Where this differs from qemu-img 7.2 on purpose:
 *   - A finding in a table that several L1 tables share is told once; it counts as often as there.
 *   - A snapshot table or bitmap directory that does not decode is a check error, after which
 *     nothing is compared (qemu-img gives up, too, or does not open the image).
 *   - Of L2 tables that do not start at a cluster (512-byte places) only as many bytes are read as
 *     the file is long.
 *   - A cluster that is not at its place in a data file is a corruption.
 *   - A table that cannot be read ends the check with the system's error.
 *   - An active L1 table of which the file has not every byte is a corruption, and then nothing is
 *     repaired: what it named would seem to be free.
 */

#include "check/check.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/repair.h"

/* ------------------------------------------------------------------------------------------------
 * What all phases use
 */

static void tell(struct checking *c, const char *format, va_list args)
{
    char line[1536];

    if (c->message == NULL)
        return;
    vsnprintf(line, sizeof line, format, args);
    c->message(c->opaque, line);
}

void checking_say(struct checking *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(c, format, args);
    va_end(args);
}

void checking_corruption(struct checking *c, uint64_t weight, const char *format, ...)
{
    va_list args;

    c->result->corruptions += weight;
    va_start(args, format);
    tell(c, format, args);
    va_end(args);
}

void checking_give_up(struct checking *c, const char *format, ...)
{
    va_list args;

    c->gave_up = true;
    c->result->check_errors++;
    va_start(args, format);
    tell(c, format, args);
    va_end(args);
}

bool checking_is_inside(const struct checking *c, uint64_t offset, uint64_t count)
{
    uint64_t limit = c->file_end + c->geometry->cluster_size;

    return offset < limit && count < limit - offset;
}

bool checking_is_owned(const struct checking *c, uint64_t offset, uint64_t count, uint64_t owners)
{
    uint32_t bits = c->geometry->cluster_bits;

    for (uint64_t i = offset >> bits; i <= (offset + count - 1) >> bits; i++) {
        uint64_t reference = i < c->clusters ? references_get(&c->references, i) : 0;

        if (reference != owners || (c->overflowed && reference == c->references.max))
            return false;
    }
    return true;
}

static int refer_cluster(struct checking *c, uint64_t cluster, uint64_t weight)
{
    uint64_t lost;

    if (references_add(&c->references, cluster, weight, &lost) == -1)
        return -1;
    if (lost > 0) {
        c->overflowed = true;
        checking_corruption(c, lost, "ERROR: overflow cluster offset=0x%" PRIx64,
                            cluster << c->geometry->cluster_bits);
        checking_say(c, "Use qemu-img amend to increase the refcount entry width or qemu-img "
                        "convert to create a clean copy if the image cannot be opened for writing");
    }
    return 0;
}

int checking_refer(struct checking *c, uint64_t offset, uint64_t count, uint64_t weight)
{
    uint32_t bits = c->geometry->cluster_bits;
    uint64_t first, last;

    if (count == 0)
        return 0;
    if (!checking_is_inside(c, offset, count)) {
        c->room_claimed |= offset < c->room_end;
        checking_corruption(c, weight,
                            "ERROR: counting reference for region exceeding the end of the file by "
                            "one cluster or more: offset 0x%" PRIx64 " size 0x%" PRIx64,
                            offset, count);
        return 0;
    }
    first = offset >> bits;
    last = (offset + count - 1) >> bits;
    c->clusters = max_u64(c->clusters, last + 1);
    for (uint64_t i = first; i <= last; i++) {
        if (last - i >= REFERENCES_PAGE - 1 && references_add_page(&c->references, i, weight))
            i += REFERENCES_PAGE - 1;
        else if (refer_cluster(c, i, weight) == -1)
            return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

/* More clusters than new refcount structures could need that count themselves, too. */
static uint64_t rebuilding_room(const struct checking *c)
{
    return 2 * (c->clusters >> c->geometry->refcount_block_bits) + 16;
}

static int begin(struct checking *c, struct store *store)
{
    const struct geometry *g = c->geometry;

    if (source_init(&c->source, store) == -1)
        return -1;
    c->file_end = round_up(c->source.length, 512);
    c->clusters = div_round_up(c->file_end, g->cluster_size);
    c->room_end = c->file_end + (rebuilding_room(c) << g->cluster_bits);
    c->unaligned_budget = c->source.length;
    if (c->clusters > INT_MAX)
        return error_set(EFBIG,
                         "%s: the file has %" PRIu64 " clusters of %" PRIu64
                         " bytes, more than can be checked (%d)",
                         store->name, c->clusters, g->cluster_size, INT_MAX);
    /* a reference to the last, unfinished cluster may reach into one more */
    if (references_init(&c->references, c->clusters + 1, g->refcount_max) == -1)
        return -1;
    return stored_load(&c->stored, &c->source, c->header, c->clusters + 1, c->repair == NULL);
}

/* Forget what was counted and read, but for the snapshot table. */
static void end(struct checking *c)
{
    stored_destroy(&c->stored);
    references_destroy(&c->references);
    lookup_destroy(&c->l2_by_offset);
    free(c->l2_tables);
    c->l2_tables = NULL;
    c->nb_l2_tables = c->l2_capacity = 0;
    c->overflowed = c->rebuild = c->l1_leads_nowhere = c->room_claimed = false;
}

static int count_references(struct checking *c)
{
    c->result->total_clusters = div_round_up(c->header->size, c->geometry->cluster_size);
    if (checking_refer(c, 0, c->geometry->cluster_size, 1) == -1 ||
        checking_count_active_l1(c) == -1 || checking_count_snapshots(c) == -1 ||
        checking_count_l2_tables(c) == -1 ||
        checking_refer(c, c->header->crypto_offset, c->header->crypto_length, 1) == -1 ||
        checking_count_bitmaps(c) == -1)
        return -1;
    return 0;
}

/* Count everything; a repair gets rid of what must not be counted. */
static int count_all(struct checking *c)
{
    if (count_references(c) == -1)
        return -1;
    if (c->gave_up)
        return 0;
    if (repair_fixes_errors(c) &&
        (repair_dropped(c) == -1 || repair_overhanging_snapshots(c) == -1))
        return -1;
    return checking_count_refcount_structures(c);
}

/* Counts that are missing are better than a file that has grown over what something refers to. */
static int leave_as_it_is(struct checking *c)
{
    checking_say(c,
                 "ERROR refcount structures cannot be rebuilt: beyond the end of the file, where "
                 "there is room, is what something refers to");
    c->repair = NULL;
    return 0;
}

/* New refcount structures, which are then counted and compared as if they had always been there. */
static int rebuild(struct checking *c)
{
    qcow2_check_result *r = c->result, found = *r;

    checking_say(c, "Rebuilding refcount structure");
    switch (repair_rebuild(c)) {
    case -1: return -1;
    case 0: return leave_as_it_is(c);
    }
    end(c);
    *r = (qcow2_check_result){ .corruptions_fixed = found.corruptions_fixed };
    if (begin(c, c->source.store) == -1 || count_all(c) == -1)
        return -1;
    c->repair->punches = true; /* the old structures */
    if (checking_compare_refcounts(c, CORRECT_LEAKS) == -1)
        return -1;
    if (c->rebuild)
        checking_give_up(c, "ERROR rebuilt refcount structure is still broken");
    r->corruptions_fixed +=
        found.corruptions > r->corruptions ? found.corruptions - r->corruptions : 0;
    r->leaks_fixed = found.leaks;
    return 0;
}

/* Compare the stored refcounts, and correct them. */
static int settle_refcounts(struct checking *c)
{
    qcow2_check_result counted = *c->result;

    if (checking_compare_refcounts(c, 0) == -1)
        return -1;
    if (c->repair == NULL)
        return 0;
    if (c->rebuild && !c->repair->errors) {
        checking_say(c, "ERROR need to rebuild refcount structures");
        return error_set(EUCLEAN,
                         "The refcount structures of '%s' must be rebuilt, which repairing leaks "
                         "alone does not do",
                         c->source.store->name);
    }
    if (c->rebuild)
        return rebuild(c);
    if (c->result->leaks + c->result->corruptions == 0)
        return 0;
    c->repair->punches =
        c->result->corruptions + c->result->corruptions_fixed + c->result->check_errors == 0;
    *c->result = counted;
    return checking_compare_refcounts(c, c->repair->errors ? CORRECT_LEAKS | CORRECT_ERRORS
                                                           : CORRECT_LEAKS);
}

/* Flags follow the refcounts: not where these are still wrong. */
static int settle_copied(struct checking *c)
{
    const qcow2_check_result *r = c->result;

    if (c->repair)
        c->repair->corrects_copied =
            c->repair->errors ? !c->inexact : r->corruptions + r->leaks + r->check_errors == 0;
    return checking_compare_copied(c);
}

/* The entries of the snapshot table that are not as they should be. */
static int settle_snapshots(struct checking *c)
{
    const struct snapshot_damage *damage = &c->snapshot_damage;
    qcow2_check_result *r = c->result;
    uint64_t entries = damage->shortened + damage->incomplete;

    if (!repair_fixes_errors(c)) {
        r->corruptions += entries;
        return 0;
    }
    if (repair_barrier(c) == -1 || repair_snapshot_table(c) == -1)
        return -1;
    r->corruptions_fixed += entries + damage->overhanging;
    return 0;
}

static int run(struct checking *c)
{
    if (checking_load_snapshots(c) == -1 || (!c->gave_up && count_all(c) == -1))
        return -1;
    if (c->gave_up)
        return 0;
    if (settle_refcounts(c) == -1 || settle_copied(c) == -1 || settle_snapshots(c) == -1)
        return -1;
    return c->repair ? repair_marks(c) : 0;
}

static int check(struct checking *c, struct store *store)
{
    int done = -1;

    *c->result = (qcow2_check_result){ 0 };
    if (begin(c, store) == 0) {
        if (c->repair && checking_l1_is_cut(c)) {
            checking_say(c, "The active L1 table lies beyond the end of the file: nothing is "
                            "repaired");
            c->repair = NULL;
        }
        done = run(c);
    }
    end(c);
    snapshot_table_destroy(&c->snapshots);
    return done;
}

int check_run(struct store *store, const struct header *header, qcow2_check_message *message,
              void *opaque, qcow2_check_result *result)
{
    struct checking c = {
        .header = header,
        .geometry = &header->geometry,
        .message = message,
        .opaque = opaque,
        .result = result,
    };

    return check(&c, store);
}

int check_repair(struct store *store, struct header *header, bool errors,
                 qcow2_check_message *message, void *opaque, qcow2_check_result *result)
{
    struct repair repair = { .header = header, .errors = errors };
    struct checking c = {
        .header = header,
        .geometry = &header->geometry,
        .repair = &repair,
        .message = message,
        .opaque = opaque,
        .result = result,
    };

    return check(&c, store);
}
