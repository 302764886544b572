/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap_trees.c - noting where two states of a disk differ, when one takes the place of the other
 *
 * Equal entries mean equal content: what two trees share is never written in place.  Only L2 tables
 * that are not the same are looked into.
 */

#include <stdlib.h>

#include "base/cleanup.h"
#include "image/bitmap.h"
#include "image/image.h"

struct comparison {
    struct qcow2_image *image;
    uint64_t end; /* bytes of the disk that are compared */
    uint8_t *old; /* an L2 table each */
    uint8_t *new;
};

static uint64_t table_of(const struct tree *tree, uint32_t index)
{
    return index < tree->l1_size ? tree->l1[index] & L1_OFFSET_MASK : 0;
}

/* Nothing is allocated where there is no table. */
static int read_table(struct tables *t, uint64_t offset, uint8_t *table)
{
    if (offset != 0)
        return store_pread(t->store, table, t->geometry.cluster_size, offset);
    memset(table, 0, t->geometry.cluster_size);
    return 0;
}

static bool entries_differ(const uint8_t *a, const uint8_t *b, uint64_t size)
{
    return ((load_be64(a) ^ load_be64(b)) & ~ENTRY_COPIED) != 0 ||
           memcmp(a + sizeof(uint64_t), b + sizeof(uint64_t), size - sizeof(uint64_t)) != 0;
}

static int note_cluster(const struct comparison *c, uint64_t offset)
{
    uint64_t size = c->image->tables.geometry.cluster_size;

    return offset < c->end ? bitmaps_note(c->image, min_u64(size, c->end - offset), offset) : 0;
}

static int compare_tables(const struct comparison *c, uint32_t index, const struct tree *old,
                          const struct tree *new)
{
    struct tables *t = &c->image->tables;
    const struct geometry *g = &t->geometry;
    uint64_t entry_size = g->cluster_size / g->l2_entries;
    uint64_t start = (uint64_t)index << (g->cluster_bits + g->l2_bits);

    if (start >= c->end || table_of(old, index) == table_of(new, index))
        return 0;
    if (read_table(t, table_of(old, index), c->old) == -1 ||
        read_table(t, table_of(new, index), c->new) == -1)
        return -1;
    for (uint64_t i = 0; i < g->l2_entries; i++)
        if (entries_differ(c->old + i * entry_size, c->new + i *entry_size, entry_size) &&
            note_cluster(c, start + (i << g->cluster_bits)) == -1)
            return -1;
    return 0;
}

int bitmaps_note_trees(struct qcow2_image *image, const struct tree *old, const struct tree *new,
                       uint64_t size)
{
    uint64_t cluster_size = image->tables.geometry.cluster_size;
    CLEANUP_FREE uint8_t *tables = NULL;
    struct comparison c = { .image = image, .end = size };
    uint32_t count = old->l1_size > new->l1_size ? old->l1_size : new->l1_size;

    if (!atomic_load(&image->bitmaps.tracking))
        return 0;
    tables = malloc(2 * cluster_size);
    if (tables == NULL)
        return error_no_memory(), -1;
    c.old = tables;
    c.new = tables + cluster_size;
    for (uint32_t i = 0; i < count; i++)
        if (compare_tables(&c, i, old, new) == -1)
            return -1;
    return 0;
}
