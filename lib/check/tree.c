/* SPDX-License-Identifier: BSD-3-Clause */
/* tree.c - references from L1 and L2 tables
 *
 * L1 tables are walked first and only collect which L2 tables there are and how often each is
 * reached; then every L2 table is read once.
 */

#include "check/tree.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/grow.h"
#include "base/error.h"
#include "check/entry_tables.h"
#include "check/repair.h"

/* ------------------------------------------------------------------------------------------------
 * L1 tables
 */

static struct l2_table *l2_table_at(struct checking *c, uint64_t offset)
{
    uint64_t *index = lookup_insert(&c->l2_by_offset, offset, c->nb_l2_tables);

    if (index == NULL)
        return NULL;
    if (*index == c->nb_l2_tables) {
        if (GROW(c->l2_tables, c->l2_capacity, c->nb_l2_tables + 1) == -1)
            return NULL;
        c->l2_tables[c->nb_l2_tables++] = (struct l2_table){ .offset = offset };
    }
    return &c->l2_tables[*index];
}

/* An L2 table that does not start at a cluster is a corruption, and what is there counts all the
 * same.  But a table may start at each of a cluster's sectors: of such only so many are read as the
 * file has room for. */
static bool may_read_l2_table(struct checking *c, uint64_t offset)
{
    uint64_t cluster_size = c->geometry->cluster_size;

    if (offset >= c->source.length)
        return false; /* all zero */
    if (is_aligned(offset, cluster_size) || lookup_find(&c->l2_by_offset, offset) != NULL)
        return true;
    if (c->unaligned_budget < cluster_size) {
        if (c->repair) /* what is not read seems to be free */
            checking_give_up(c, "ERROR there are more L2 tables that are not cluster aligned than "
                                "the file has room for");
        return false;
    }
    c->unaligned_budget -= cluster_size;
    return true;
}

/* l1_index: in the active L1 table; -1: in another. */
static int count_l1_entry(struct checking *c, uint64_t entry, uint64_t weight, int64_t l1_index)
{
    uint64_t offset = entry & L1_OFFSET_MASK;
    struct l2_table *table;

    if (repair_drops_l1_entry(c, entry)) {
        c->l1_leads_nowhere = true; /* repair_dropped looks at it again */
        return 0;
    }
    if (entry & L1_RESERVED_MASK)
        checking_corruption(c, weight, "ERROR found L1 entry with reserved bits set: %" PRIx64,
                            entry);
    if (checking_refer(c, offset, c->geometry->cluster_size, weight) == -1)
        return -1;
    if (!is_aligned(offset, c->geometry->cluster_size))
        checking_corruption(c, weight,
                            "ERROR l2_offset=%" PRIx64
                            ": Table is not cluster aligned; L1 entry corrupted",
                            offset);
    if (!may_read_l2_table(c, offset))
        return 0;
    table = l2_table_at(c, offset);
    if (table == NULL)
        return -1;
    if (l1_index >= 0 && table->active == 0)
        table->l1_index = (uint64_t)l1_index;
    table->weight += weight;
    table->active += l1_index >= 0 ? weight : 0;
    return 0;
}

static int count_active_entry(void *opaque, uint64_t at, uint64_t entry, uint64_t weight)
{
    struct checking *c = opaque;
    uint64_t l1_index = (at - c->header->l1_table_offset) / L1_ENTRY_SIZE;

    return count_l1_entry(c, entry, weight, (int64_t)l1_index);
}

static int count_inactive_entry(void *opaque, uint64_t at, uint64_t entry, uint64_t weight)
{
    (void)at;
    return count_l1_entry(opaque, entry, weight, -1);
}

int checking_visit_active_l1(struct checking *c, source_word *visit)
{
    uint64_t start = c->header->l1_table_offset;
    uint64_t bytes = (uint64_t)c->header->l1_size * L1_ENTRY_SIZE;

    return bytes ? source_visit_words(&c->source, start, start + bytes, 1, visit, c) : 0;
}

bool checking_l1_is_cut(const struct checking *c)
{
    const struct header *h = c->header;
    uint64_t bytes = (uint64_t)h->l1_size * L1_ENTRY_SIZE;

    return bytes > 0 && !range_within(h->l1_table_offset, bytes, c->source.length);
}

int checking_count_active_l1(struct checking *c)
{
    uint64_t offset = c->header->l1_table_offset;
    uint64_t bytes = (uint64_t)c->header->l1_size * L1_ENTRY_SIZE;

    if (checking_refer(c, offset, bytes, 1) == -1)
        return -1;
    if (checking_l1_is_cut(c) && checking_is_inside(c, offset, bytes))
        checking_corruption(c, 1,
                            "ERROR: active L1 table exceeds the end of the file: offset 0x%" PRIx64
                            " size 0x%" PRIx64,
                            offset, bytes);
    return checking_visit_active_l1(c, count_active_entry);
}

int checking_count_snapshot_l1s(struct checking *c, const struct snapshot_table *table)
{
    struct entry_tables tables;
    int result = entry_tables_init(&tables, c, table->count, count_inactive_entry);

    for (uint32_t i = 0; i < table->count && result == 0; i++)
        result = entry_tables_add(&tables, table->entries[i].l1_table_offset,
                                  (uint64_t)table->entries[i].l1_size * L1_ENTRY_SIZE);
    if (result == 0)
        result = entry_tables_count(&tables);
    entry_tables_destroy(&tables);
    return result;
}

int checking_visit_snapshot_l1s(struct checking *c, const struct snapshot_table *table,
                                source_word *visit)
{
    struct entry_tables tables;
    int result = entry_tables_init(&tables, c, table->count, visit);

    for (uint32_t i = 0; i < table->count && result == 0; i++)
        entry_tables_add_known(&tables, table->entries[i].l1_table_offset,
                               (uint64_t)table->entries[i].l1_size * L1_ENTRY_SIZE);
    if (result == 0)
        result = entry_tables_visit(&tables);
    entry_tables_destroy(&tables);
    return result;
}

/* ------------------------------------------------------------------------------------------------
 * L2 tables
 */

bool tree_has_host_cluster(const struct checking *c, struct l2_entry entry)
{
    if (l2_entry_host_offset(entry) != 0)
        return true;
    return tree_has_data_file(c) && !l2_entry_is_compressed(entry) &&
           entry.descriptor & ENTRY_COPIED && !(l2_entry_word(c->geometry, entry) & L2_ZERO);
}

static int count_compressed(struct checking *c, const struct l2_item *item)
{
    uint64_t weight = item->table->weight, active = item->table->active;
    uint64_t word = item->entry.descriptor & ~ENTRY_COPIED;
    uint64_t offset = l2_entry_compressed_offset(c->geometry, item->entry);

    if (item->entry.descriptor & ENTRY_COPIED)
        checking_corruption(c, weight,
                            "ERROR: coffset=0x%" PRIx64
                            ": copied flag must never be set for compressed clusters",
                            offset);
    if (tree_has_data_file(c)) {
        checking_corruption(c, weight,
                            "ERROR compressed cluster %" PRIu64 " with data file, entry=0x%" PRIx64,
                            item->index, word);
        return 0;
    }
    if (item->entry.bitmap != 0) {
        checking_corruption(c, weight,
                            "ERROR compressed cluster %" PRIu64
                            " with non-zero subcluster allocation bitmap, entry=0x%" PRIx64,
                            item->index, word);
        return 0;
    }
    c->result->allocated_clusters += active;
    c->result->compressed_clusters += active;
    c->result->fragmented_clusters += active;
    return checking_refer(c, offset, l2_entry_compressed_length(c->geometry, item->entry), weight);
}

bool tree_copied_is_wrong(const struct checking *c, struct l2_entry entry, uint64_t *refcount)
{
    uint64_t offset = l2_entry_host_offset(entry);

    *refcount = 1; /* nothing shares the clusters of a data file */
    if (!tree_has_data_file(c) &&
        !stored_get(&c->stored, offset >> c->geometry->cluster_bits, refcount))
        return false;
    return copied_contradicts(entry.descriptor, *refcount);
}

bool tree_is_misplaced(const struct checking *c, struct l2_entry entry)
{
    return !is_aligned(l2_entry_host_offset(entry), c->geometry->cluster_size) &&
           !(entry.bitmap & L2_BITMAP_ALLOCATED);
}

/* A cluster of a data file has only one place. */
static void check_place(struct checking *c, const struct l2_item *item, uint64_t offset)
{
    const struct geometry *g = c->geometry;
    uint64_t cluster = (item->table->l1_index << g->l2_bits) + item->index;

    if (tree_has_data_file(c) && item->table->active > 0 && offset != cluster << g->cluster_bits)
        checking_corruption(c, item->table->weight,
                            "ERROR offset=%" PRIx64 ": Cluster of guest offset %" PRIx64
                            " is not at its place in the data file",
                            offset, cluster << g->cluster_bits);
}

static int count_allocated(struct checking *c, const struct l2_item *item)
{
    uint64_t cluster_size = c->geometry->cluster_size;
    uint64_t weight = item->table->weight, active = item->table->active;
    uint64_t offset = l2_entry_host_offset(item->entry), refcount;

    if (item->entry.bitmap >> 32 & item->entry.bitmap)
        checking_corruption(c, weight,
                            "ERROR offset=%" PRIx64
                            ": Allocated cluster has corrupted subcluster allocation bitmap",
                            offset);
    if (!is_aligned(offset, cluster_size))
        checking_corruption(
            c, weight,
            "ERROR offset=%" PRIx64 ": %s cluster is not properly aligned; L2 entry corrupted.",
            offset, item->entry.bitmap & L2_BITMAP_ALLOCATED ? "Data" : "Preallocated");
    check_place(c, item, offset);
    c->result->allocated_clusters += active;
    if (*item->expected != 0 && *item->expected != offset)
        c->result->fragmented_clusters += active;
    *item->expected = offset + cluster_size;
    if (active > 0 && tree_copied_is_wrong(c, item->entry, &refcount))
        item->table->copied_wrong = true;
    return tree_has_data_file(c) ? 0 : checking_refer(c, offset, cluster_size, weight);
}

int tree_count_l2_entry(struct checking *c, const struct l2_item *item)
{
    if (l2_entry_is_compressed(item->entry))
        return count_compressed(c, item);
    if (item->entry.descriptor & L2_RESERVED_MASK)
        checking_corruption(c, item->table->weight,
                            "ERROR found l2 entry with reserved bits set: %" PRIx64,
                            l2_entry_word(c->geometry, item->entry));
    if (tree_has_host_cluster(c, item->entry))
        return count_allocated(c, item);
    if (!l2_entry_is_valid(item->entry))
        checking_corruption(c, item->table->weight,
                            "ERROR: Unallocated cluster has non-zero subcluster allocation map");
    return 0;
}

int tree_read_l2_table(struct checking *c, const struct l2_table *table, uint8_t *buf)
{
    uint64_t cluster_size = c->geometry->cluster_size, end = table->offset + cluster_size;

    if (source_skip_zeroes(&c->source, table->offset, end) >= end)
        return 0;
    return source_read(&c->source, buf, cluster_size, table->offset) == -1 ? -1 : 1;
}

static int count_l2_table(struct checking *c, struct l2_table *table, uint8_t *buf)
{
    const struct geometry *g = c->geometry;
    uint64_t expected = 0;
    int data = tree_read_l2_table(c, table, buf);

    if (data <= 0)
        return data;
    for (uint64_t at = 0; at < g->cluster_size; at += g->l2_entry_size) {
        struct l2_item item = { table, at / g->l2_entry_size, l2_entry_load(g, buf + at),
                                &expected };

        if ((item.entry.descriptor | item.entry.bitmap) == 0)
            continue;
        if (repair_drops_entry(c, item.entry))
            table->leads_nowhere = true; /* repair_dropped looks at it again */
        else if (tree_count_l2_entry(c, &item) == -1)
            return -1;
    }
    return 0;
}

int checking_count_l2_tables(struct checking *c)
{
    CLEANUP_FREE uint8_t *buf = malloc(c->geometry->cluster_size);

    if (buf == NULL)
        return error_no_memory(), -1;
    for (size_t i = 0; i < c->nb_l2_tables; i++)
        if (count_l2_table(c, &c->l2_tables[i], buf) == -1)
            return -1;
    return 0;
}
