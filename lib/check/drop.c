/* SPDX-License-Identifier: BSD-3-Clause */
/* drop.c - references that lead nowhere lose what they refer to
 *
 *   a zero cluster that keeps a place which no cluster can have     becomes a plain one
 *   a cluster or stream beyond the end of the file                  reads as zeroes
 *   an L2 table beyond the end of the file                          the L1 entry is cleared
 *
 * What lies beyond the end of the file is lost; as long as an entry speaks of it nobody can write
 * there, either.  But a repair says what it drops, or it does not drop it: not where nobody
 * listens, and not where the guest would be shown something else than zeroes then, out of a backing
 * file.
 *
 * The first walk through the tables leaves such entries out and notes where they are.  The second
 * one changes them, after all that may stay has been counted: for only in a table that nothing but
 * L1 entries refer to may an entry be changed.  Where it may not it is counted, and told, after
 * all. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/repair.h"
#include "check/tree.h"

/* What becomes of a part of a disk, or of what lies behind it. */
struct loss {
    char text[96];
};

static struct loss loss_of(uint64_t guest_offset, uint64_t length, uint64_t disk_size)
{
    struct loss loss = { "the VM state that was there is lost" };

    if (guest_offset < disk_size)
        snprintf(loss.text, sizeof loss.text,
                 "guest offset 0x%" PRIx64 " (%" PRIu64 " bytes) reads as zeroes from now on",
                 guest_offset, min_u64(length, disk_size - guest_offset));
    return loss;
}

static bool shows_backing(const struct checking *c)
{
    return c->header->backing_file != NULL;
}

static bool is_told(const struct checking *c)
{
    return repair_fixes_errors(c) && c->message != NULL;
}

/* ------------------------------------------------------------------------------------------------
 * L2 entries
 */

static bool is_lost(const struct checking *c, struct l2_entry entry)
{
    const struct geometry *g = c->geometry;
    uint64_t offset = l2_entry_host_offset(entry);

    if (tree_has_data_file(c))
        return false;
    if (l2_entry_is_compressed(entry))
        return !checking_is_inside(c, l2_entry_compressed_offset(g, entry),
                                   l2_entry_compressed_length(g, entry));
    return offset != 0 && !checking_is_inside(c, offset, g->cluster_size);
}

static bool is_misplaced(const struct checking *c, struct l2_entry entry)
{
    return !l2_entry_is_compressed(entry) && tree_has_host_cluster(c, entry) &&
           tree_is_misplaced(c, entry);
}

bool repair_drops_entry(const struct checking *c, struct l2_entry entry)
{
    if (!repair_fixes_errors(c))
        return false;
    return is_misplaced(c, entry) ||
           (is_told(c) && is_lost(c, entry) && (c->header->version >= 3 || !shows_backing(c)));
}

/* What held something holds zeroes now. */
static struct l2_entry without_host(const struct checking *c, struct l2_entry old)
{
    const struct l2_entry nothing = { 0 };

    if (c->header->version < 3)
        return nothing;
    if (l2_entry_is_compressed(old))
        return l2_entry_with_zeroes(nothing, 0, c->geometry->subclusters);
    return (struct l2_entry){ .bitmap = (old.bitmap | old.bitmap << 32) & L2_BITMAP_ZERO };
}

static void tell_entry(struct checking *c, const struct l2_item *item)
{
    const struct geometry *g = c->geometry;
    bool compressed = l2_entry_is_compressed(item->entry);
    uint64_t offset =
        compressed ? l2_entry_compressed_offset(g, item->entry) : l2_entry_host_offset(item->entry);
    uint64_t cluster = (item->table->l1_index << g->l2_bits) + item->index;

    if (is_misplaced(c, item->entry))
        checking_say(c,
                     "Repairing offset=%" PRIx64
                     ": Preallocated cluster is not properly aligned; L2 entry corrupted.",
                     offset);
    else if (item->table->active > 0)
        checking_say(c, "Repairing offset=%" PRIx64 ": cluster is beyond the end of the file; %s%s",
                     offset,
                     loss_of(cluster << g->cluster_bits, g->cluster_size, c->header->size).text,
                     item->table->weight > item->table->active ? ", in snapshots, too" : "");
    else
        checking_say(c,
                     "Repairing offset=%" PRIx64 ": cluster is beyond the end of the file; entry "
                     "%" PRIu64 " of the L2 table at offset 0x%" PRIx64
                     ", of snapshots only, reads as zeroes from now on",
                     offset, item->index, item->table->offset);
}

static int drop_entry(struct checking *c, const struct l2_item *item, uint8_t *at)
{
    const struct geometry *g = c->geometry;

    tell_entry(c, item);
    l2_entry_store(g, at, without_host(c, item->entry));
    if (repair_write(c, at, g->l2_entry_size,
                     item->table->offset + item->index * g->l2_entry_size) == -1)
        return -1;
    c->result->corruptions_fixed++;
    return 0;
}

static int repair_table(struct checking *c, struct l2_table *table, uint8_t *buf)
{
    const struct geometry *g = c->geometry;
    bool owned = checking_is_owned(c, table->offset, g->cluster_size, table->weight);
    int data = tree_read_l2_table(c, table, buf);

    for (uint64_t i = 0; data == 1 && i < g->cluster_size / g->l2_entry_size; i++) {
        uint8_t *at = buf + i * g->l2_entry_size;
        uint64_t anywhere = 0;
        struct l2_item item = { table, i, l2_entry_load(g, at), &anywhere };

        if (repair_drops_entry(c, item.entry) &&
            (owned ? drop_entry(c, &item, at) : tree_count_l2_entry(c, &item)) == -1)
            return -1;
    }
    return data == -1 ? -1 : 0;
}

static int repair_tables(struct checking *c)
{
    CLEANUP_FREE uint8_t *buf = malloc(c->geometry->cluster_size);

    if (buf == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < c->nb_l2_tables; i++)
        if (c->l2_tables[i].leads_nowhere && repair_table(c, &c->l2_tables[i], buf) == -1)
            return -1;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * L1 entries
 */

bool repair_drops_l1_entry(const struct checking *c, uint64_t entry)
{
    return is_told(c) && !shows_backing(c) &&
           !checking_is_inside(c, entry & L1_OFFSET_MASK, c->geometry->cluster_size);
}

static int drop_l1_entry(struct checking *c, uint64_t at, uint64_t entry, uint64_t weight)
{
    const uint8_t nothing[L1_ENTRY_SIZE] = { 0 };

    if (!repair_drops_l1_entry(c, entry))
        return 0;
    if (!checking_is_owned(c, at, L1_ENTRY_SIZE, weight))
        return checking_refer(c, entry & L1_OFFSET_MASK, c->geometry->cluster_size, weight);
    if (repair_write(c, nothing, sizeof nothing, at) == -1)
        return -1;
    c->result->corruptions_fixed++;
    return 0;
}

static int drop_active_l1_entry(void *opaque, uint64_t at, uint64_t entry, uint64_t weight)
{
    struct checking *c = opaque;
    uint64_t l1_index = (at - c->header->l1_table_offset) / L1_ENTRY_SIZE;
    uint64_t span = geometry_l2_span(c->geometry);

    if (repair_drops_l1_entry(c, entry) && checking_is_owned(c, at, L1_ENTRY_SIZE, weight))
        checking_say(c,
                     "Repairing l1_index=%" PRIu64 ": L2 table at offset 0x%" PRIx64
                     " is beyond the end of the file; %s",
                     l1_index, entry & L1_OFFSET_MASK,
                     loss_of(l1_index * span, span, c->header->size).text);
    return drop_l1_entry(c, at, entry, weight);
}

/* Of a snapshot, or of several that share their table: the first one is named. */
static void tell_inactive_l1_entry(struct checking *c, uint64_t at, uint64_t entry, uint64_t weight)
{
    uint64_t span = geometry_l2_span(c->geometry);

    for (uint32_t i = 0; i < c->snapshots.count; i++) {
        const struct snapshot *s = &c->snapshots.entries[i];
        uint64_t l1_index = (at - s->l1_table_offset) / L1_ENTRY_SIZE;

        if (at < s->l1_table_offset || l1_index >= s->l1_size)
            continue;
        checking_say(c,
                     "Repairing l1_index=%" PRIu64 " of snapshot '%s'%s: L2 table at offset "
                     "0x%" PRIx64 " is beyond the end of the file; %s",
                     l1_index, s->name, weight > 1 ? " and of others" : "", entry & L1_OFFSET_MASK,
                     loss_of(l1_index * span, span, s->disk_size).text);
        return;
    }
}

static int drop_inactive_l1_entry(void *opaque, uint64_t at, uint64_t entry, uint64_t weight)
{
    struct checking *c = opaque;

    if (repair_drops_l1_entry(c, entry) && checking_is_owned(c, at, L1_ENTRY_SIZE, weight))
        tell_inactive_l1_entry(c, at, entry, weight);
    return drop_l1_entry(c, at, entry, weight);
}

/* ------------------------------------------------------------------------------------------------
 * All of them
 */

int repair_dropped(struct checking *c)
{
    if (repair_tables(c) == -1)
        return -1;
    if (c->l1_leads_nowhere &&
        (checking_visit_active_l1(c, drop_active_l1_entry) == -1 ||
         checking_visit_snapshot_l1s(c, &c->snapshots, drop_inactive_l1_entry) == -1))
        return -1;
    return repair_barrier(c);
}
