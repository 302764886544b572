/* SPDX-License-Identifier: BSD-3-Clause */
/* copied.c - the COPIED flags of the active L1 and L2 tables against the stored refcounts
 *
 * A repair changes flags after the refcounts are right, and only in tables that nothing but L1
 * entries refers to: where a bad entry makes a cluster of the guest look like a table, changing a
 * flag would change the guest's data.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/repair.h"
#include "check/tree.h"

static const char *verb(bool repairing)
{
    return repairing ? "Repairing" : "ERROR";
}

static uint64_t corrected(uint64_t entry, uint64_t refcount)
{
    return refcount == 1 ? entry | ENTRY_COPIED : entry & ~ENTRY_COPIED;
}

/* Where counts of one bit have stopped at 1 nobody knows whether a flag may be set. */
static bool may_correct(const struct checking *c, uint64_t refcount)
{
    return c->repair && c->repair->corrects_copied && !(c->overflowed && refcount == 1);
}

/* ------------------------------------------------------------------------------------------------
 * L2 entries
 */

/* The bytes of a table that were changed. */
struct span {
    uint64_t start;
    uint64_t end; /* 0: none */
};

static void compare_entry(struct checking *c, const struct l2_table *table, bool owned, uint8_t *at,
                          uint64_t place, struct span *changed)
{
    struct l2_entry entry = l2_entry_load(c->geometry, at);
    uint64_t word = l2_entry_word(c->geometry, entry), refcount;
    bool repairing;

    if (!tree_has_host_cluster(c, entry) || !tree_copied_is_wrong(c, entry, &refcount))
        return;
    repairing = owned && may_correct(c, refcount);
    checking_corruption(c, repairing ? 0 : table->active,
                        "%s OFLAG_COPIED data cluster: l2_entry=%" PRIx64 " refcount=%" PRIu64,
                        verb(repairing), word, refcount);
    if (!repairing) {
        c->result->uncounted += refcount == 0 ? table->active : 0;
        return;
    }
    store_be64(at, corrected(word, refcount));
    c->result->corruptions_fixed++;
    if (changed->end == 0)
        changed->start = place;
    changed->end = place + sizeof word;
}

static int compare_l2_table(struct checking *c, const struct l2_table *table)
{
    uint64_t cluster_size = c->geometry->cluster_size;
    bool owned = checking_is_owned(c, table->offset, cluster_size, table->weight);
    CLEANUP_FREE uint8_t *buf = malloc(cluster_size);
    struct span changed = { 0 };
    int data;

    if (buf == NULL)
        return error_no_memory(), -1;
    data = tree_read_l2_table(c, table, buf);
    if (data <= 0)
        return data;
    for (uint64_t at = 0; at < cluster_size; at += c->geometry->l2_entry_size)
        compare_entry(c, table, owned, buf + at, at, &changed);
    if (changed.end == 0)
        return 0;
    return repair_write(c, buf + changed.start, changed.end - changed.start,
                        table->offset + changed.start);
}

/* ------------------------------------------------------------------------------------------------
 * L1 entries
 */

static int compare_l1_flag(struct checking *c, uint64_t at, uint64_t entry, uint64_t refcount)
{
    bool repairing = may_correct(c, refcount) && checking_is_owned(c, at, L1_ENTRY_SIZE, 1);
    uint8_t bytes[L1_ENTRY_SIZE];

    if (!copied_contradicts(entry, refcount))
        return 0;
    checking_corruption(
        c, repairing ? 0 : 1,
        "%s OFLAG_COPIED L2 cluster: l1_index=%" PRIu64 " l1_entry=%" PRIx64 " refcount=%" PRIu64,
        verb(repairing), (at - c->header->l1_table_offset) / L1_ENTRY_SIZE, entry, refcount);
    if (!repairing) {
        c->result->uncounted += refcount == 0;
        return 0;
    }
    c->result->corruptions_fixed++;
    store_be64(bytes, corrected(entry, refcount));
    return repair_write(c, bytes, sizeof bytes, at);
}

static int compare_l1_entry(void *opaque, uint64_t at, uint64_t entry, uint64_t weight)
{
    struct checking *c = opaque;
    uint64_t offset = entry & L1_OFFSET_MASK, refcount;
    const uint64_t *number;
    struct l2_table *table;

    (void)weight;
    if (offset == 0)
        return 0;
    if (!stored_get(&c->stored, offset >> c->geometry->cluster_bits, &refcount))
        return 0; /* the table is not looked at, either */
    if (compare_l1_flag(c, at, entry, refcount) == -1)
        return -1;
    number = lookup_find(&c->l2_by_offset, offset);
    if (number == NULL)
        return 0;
    table = &c->l2_tables[*number];
    if (!table->copied_wrong)
        return 0;
    table->copied_wrong = false; /* told once, with the weight of all entries that point here */
    return compare_l2_table(c, table);
}

int checking_compare_copied(struct checking *c)
{
    /* the first walk saw which flags were wrong: not so when the refcounts have changed since */
    if (c->repair && c->repair->begun)
        for (size_t i = 0; i < c->nb_l2_tables; i++)
            c->l2_tables[i].copied_wrong = true;
    return checking_visit_active_l1(c, compare_l1_entry);
}
