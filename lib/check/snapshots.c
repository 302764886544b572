/* SPDX-License-Identifier: BSD-3-Clause */
/* snapshots.c - the snapshot table under check: reading, counting, writing it anew
 *
 * A table that cannot be decoded ends the check before anything is changed, even if only one entry
 * is bad: what it refers to would seem to be free.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/repair.h"
#include "table/clusters.h"
#include "table/flush.h"
#include "table/tree.h"

/* ------------------------------------------------------------------------------------------------
 * Reading
 */

#define MAX_ENTRY_BYTES \
    (sizeof(struct disk_snapshot) + MAX_SNAPSHOT_EXTRA + UINT64_C(2) * UINT16_MAX + 8)

/* What the file has of the table; what a repair finds may be longer than it should be. */
static uint8_t *read_table(struct checking *c, uint32_t count, uint64_t *bytes)
{
    const struct header *h = c->header;
    CLEANUP_FREE uint8_t *buf = NULL;

    *bytes = MAX_SNAPSHOT_TABLE_BYTES;
    if (!repair_fixes_errors(c))
        *bytes = min_u64(*bytes, count * MAX_ENTRY_BYTES);
    if (h->snapshots_offset >= c->source.length)
        *bytes = 0;
    else
        *bytes = min_u64(*bytes, c->source.length - h->snapshots_offset);
    buf = malloc(*bytes + 1);
    if (buf == NULL)
        return error_no_memory();
    if (source_read(&c->source, buf, *bytes, h->snapshots_offset) == -1)
        return NULL;
    return RELEASE(buf);
}

static int decode_table(struct checking *c, uint32_t count)
{
    uint64_t bytes;
    CLEANUP_FREE uint8_t *buf = read_table(c, count, &bytes);
    const struct header *h = c->header;

    if (buf == NULL)
        return -1;
    if (repair_fixes_errors(c))
        return snapshot_table_decode_damaged(&c->snapshots, count, buf, bytes, h->size, c->geometry,
                                             &c->snapshot_damage);
    return snapshot_table_decode(&c->snapshots, count, buf, bytes, h->size, c->geometry);
}

/* Version 3 demands at least some extra data. */
static void tell_incomplete(struct checking *c)
{
    c->snapshot_damage.incomplete = 0;
    for (uint32_t i = 0; c->header->version >= 3 && i < c->snapshots.count; i++) {
        if (c->snapshots.entries[i].recorded_extra_size >= SNAPSHOT_EXTRA_MIN_V3)
            continue;
        checking_say(c, "%s snapshot table entry %" PRIu32 " is incomplete",
                     repair_fixes_errors(c) ? "Repairing" : "ERROR", i);
        c->snapshot_damage.incomplete++;
    }
}

static void tell_damage(struct checking *c, uint32_t beyond_limit)
{
    struct snapshot_damage *damage = &c->snapshot_damage;

    for (uint32_t i = 0; damage->shortened > 0 && i < c->snapshots.count; i++)
        if (c->snapshots.entries[i].recorded_extra_size > MAX_SNAPSHOT_EXTRA)
            checking_say(c,
                         "Discarding too much extra metadata in snapshot table entry %" PRIu32
                         " (%" PRIu32 " > %u)",
                         i, c->snapshots.entries[i].recorded_extra_size, MAX_SNAPSHOT_EXTRA);
    if (beyond_limit > 0)
        checking_say(c, "Discarding %" PRIu32 " overhanging snapshots", beyond_limit);
    if (damage->overhanging > 0)
        checking_say(c, "Discarding %" PRIu32 " overhanging snapshots (snapshot table is too big)",
                     damage->overhanging);
    damage->overhanging += beyond_limit;
}

static int refuse_overhanging(struct checking *c, uint32_t beyond_limit)
{
    checking_give_up(c, "ERROR snapshot table too large");
    checking_say(c,
                 "You can force-remove all %" PRIu32 " overhanging snapshots during offline repair",
                 beyond_limit);
    return 0;
}

int checking_load_snapshots(struct checking *c)
{
    uint32_t count = c->header->nb_snapshots, beyond_limit = 0;

    if (count > MAX_SNAPSHOTS) {
        beyond_limit = count - MAX_SNAPSHOTS;
        count = MAX_SNAPSHOTS;
        if (!repair_fixes_errors(c))
            return refuse_overhanging(c, beyond_limit);
    }
    if (count == 0)
        return 0;
    if (decode_table(c, count) == -1) {
        if (error_errno() != EINVAL && error_errno() != EFBIG)
            return -1;
        checking_give_up(c, "ERROR failed to read the snapshot table: %s", error_message());
        return 0;
    }
    tell_damage(c, beyond_limit);
    tell_incomplete(c);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Counting
 */

int checking_count_snapshots(struct checking *c)
{
    const struct header *h = c->header;

    if (c->snapshots.count == 0)
        return 0;
    if (h->incompatible_features & INCOMPATIBLE_DATA_FILE)
        checking_corruption(c, 1, "ERROR %" PRIu32 " snapshots in image with data file",
                            h->nb_snapshots);
    if (checking_refer(c, h->snapshots_offset, c->snapshots.bytes, 1) == -1)
        return -1;
    return checking_count_snapshot_l1s(c, &c->snapshots);
}

/* ------------------------------------------------------------------------------------------------
 * Repairing
 */

int repair_overhanging_snapshots(struct checking *c)
{
    uint8_t bytes[4];

    if (c->snapshot_damage.overhanging == 0)
        return 0;
    store_be32(bytes, c->snapshots.count);
    if (repair_header(c, HEADER_SNAPSHOTS_AT, bytes, sizeof bytes) == -1)
        return -1;
    c->repair->header->nb_snapshots = c->snapshots.count;
    return 0;
}

/* As it should be. */
static uint8_t *encode_table(struct checking *c, uint64_t *bytes)
{
    uint8_t *buf;

    for (uint32_t i = 0; i < c->snapshots.count; i++)
        if (snapshot_complete_extra(&c->snapshots.entries[i]) == -1)
            return NULL;
    *bytes = snapshot_table_encoded_size(&c->snapshots);
    if (*bytes > MAX_SNAPSHOT_TABLE_BYTES) {
        error_set(EFBIG,
                  "The snapshot table of '%s' would be too large (at most %" PRIu64 " bytes)",
                  c->source.store->name, (uint64_t)MAX_SNAPSHOT_TABLE_BYTES);
        return NULL;
    }
    buf = malloc(*bytes);
    if (buf == NULL)
        return error_no_memory();
    snapshot_table_encode(&c->snapshots, buf);
    return buf;
}

/* Into free clusters, durable, and only then into the header. */
static int switch_table(struct checking *c, struct tables *t, const uint8_t *buf, uint64_t bytes)
{
    struct header *h = c->repair->header;
    CLEANUP_CLUSTERS struct clusters taken = { 0 };
    uint64_t old_offset = h->snapshots_offset;
    uint8_t field[12];

    if (clusters_take(&taken, t, bytes) == -1 || repair_write(c, buf, bytes, taken.offset) == -1 ||
        tables_flush(t) == -1)
        return -1;
    store_be32(field, c->snapshots.count);
    store_be64(field + 4, taken.offset);
    if (repair_header(c, HEADER_SNAPSHOTS_AT, field, sizeof field) == -1)
        return tables_fail(t);
    h->snapshots_offset = clusters_keep(&taken);
    h->refcount_table_offset = t->refcount_table_offset;
    h->refcount_table_clusters = t->refcount_table_clusters;
    if (tree_release(t, old_offset, c->snapshots.bytes) == -1 || tables_settle(t) == -1)
        return -1;
    return repair_barrier(c);
}

/* The refcounts are right by now, so that clusters can be had in the usual way. */
int repair_snapshot_table(struct checking *c)
{
    CLEANUP_FREE uint8_t *buf = NULL;
    struct tables tables;
    struct header copy;
    uint64_t bytes;
    int r;

    if (c->snapshot_damage.shortened + c->snapshot_damage.incomplete == 0)
        return 0;
    buf = encode_table(c, &bytes);
    if (buf == NULL)
        return -1;
    if (header_copy(&copy, c->header) == -1 ||
        tables_open(&tables, c->source.store, &copy, false) == -1) {
        header_destroy(&copy);
        return -1;
    }
    r = switch_table(c, &tables, buf, bytes);
    tables_close(&tables);
    return r;
}
