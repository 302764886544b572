/* SPDX-License-Identifier: BSD-3-Clause */
/* rebuild.c - refcount table and refcount blocks, made anew from the counts
 *
 * Everything lies in clusters that nothing refers to, so that the old structures, whatever they are
 * worth, stay as they are until one write of the header switches to the new ones:
 *
 *     blocks   for each range of clusters with some in use: the first free cluster at or behind the
 *              range's start (which is then in use, too, perhaps in a range that needed no block
 *              before)
 *     table    the first room for it in the file; again, if its own clusters need another block and
 *              that one a larger table
 *
 * which are the places that QEMU chooses.  What the old structures occupied is still counted.  The
 * file does not grow when something refers to where it would: that would then be a table instead.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/repair.h"

struct plan {
    struct checking *c;
    uint64_t *table;  /* entries: where each block is to be; 0: none */
    uint64_t entries; /* whole clusters of them */
    uint64_t table_offset;
};

static void plan_destroy(struct plan *p)
{
    free(p->table);
}

/* ------------------------------------------------------------------------------------------------
 * Places
 */

static int take(struct plan *p, uint64_t first, uint64_t count)
{
    struct references *r = &p->c->references;
    uint64_t end = first + count, lost;

    if (end > r->clusters && references_grow(r, end) == -1)
        return -1;
    p->c->clusters = max_u64(p->c->clusters, end);
    for (uint64_t i = first; i < end; i++)
        if (references_add(r, i, 1, &lost) == -1)
            return -1;
    return 0;
}

/* The first run of count free clusters at or behind *from, which moves on to the first free one. */
static int allocate(struct plan *p, uint64_t count, uint64_t *from, uint64_t *first)
{
    uint64_t cluster = *from, run = 0, start = UINT64_MAX;

    for (; run < count && cluster < p->c->clusters; cluster++) {
        run = references_get(&p->c->references, cluster) == 0 ? run + 1 : 0;
        if (run > 0)
            start = min_u64(start, cluster);
    }
    *first = max_u64(cluster, *from) - run;
    *from = min_u64(start, *first);
    return take(p, *first, count);
}

static int set_entry(struct plan *p, uint64_t index, uint64_t block)
{
    uint64_t per_cluster = p->c->geometry->cluster_size / REFCOUNT_TABLE_ENTRY_SIZE;

    if (index >= p->entries) {
        uint64_t entries = round_up(index + 1, per_cluster);
        uint64_t *more;

        if (entries * REFCOUNT_TABLE_ENTRY_SIZE > MAX_REFCOUNT_TABLE_BYTES)
            return error_set(
                EFBIG,
                "The refcount structures of '%s' cannot be rebuilt: the refcount table "
                "would pass %" PRIu64 " bytes",
                p->c->source.store->name, (uint64_t)MAX_REFCOUNT_TABLE_BYTES);
        more = realloc(p->table, entries * sizeof more[0]);
        if (more == NULL)
            return error_no_memory(), -1;
        memset(more + p->entries, 0, (entries - p->entries) * sizeof more[0]);
        p->table = more;
        p->entries = entries;
    }
    p->table[index] = block << p->c->geometry->cluster_bits;
    return 0;
}

/* Blocks for what is in use among these clusters. */
static int place_blocks(struct plan *p, uint64_t first, uint64_t end)
{
    uint32_t bits = p->c->geometry->refcount_block_bits;
    uint64_t from = 0, block;

    while ((first = references_next(&p->c->references, first, end)) < end) {
        uint64_t index = first >> bits;

        if (index >= p->entries || p->table[index] == 0) {
            from = max_u64(from, index << bits);
            if (allocate(p, 1, &from, &block) == -1 || set_entry(p, index, block) == -1)
                return -1;
            end = max_u64(end, block + 1);
        }
        first = (index + 1) << bits;
    }
    return 0;
}

static int place_table(struct plan *p)
{
    uint32_t bits = p->c->geometry->cluster_bits;
    uint64_t entries;

    do {
        uint64_t from = 0, first, count;

        entries = p->entries;
        count = entries * REFCOUNT_TABLE_ENTRY_SIZE >> bits;
        if (allocate(p, count, &from, &first) == -1 || place_blocks(p, first, first + count) == -1)
            return -1;
        p->table_offset = first << bits;
    } while (p->entries > entries);
    return 0;
}

/* A block whose table entry is damaged was not counted.  It is not overwritten all the same. */
static int spare_bad_blocks(struct plan *p)
{
    const struct stored *s = &p->c->stored;
    uint32_t bits = p->c->geometry->cluster_bits;

    for (uint64_t i = 0; i < s->table_entries; i++) {
        uint64_t offset = s->table[i] & REFCOUNT_TABLE_OFFSET_MASK;
        uint64_t last = (offset + p->c->geometry->cluster_size - 1) >> bits;

        for (uint64_t k = offset >> bits; offset != 0 && k <= last && k < p->c->clusters; k++)
            if (references_get(&p->c->references, k) == 0 && take(p, k, 1) == -1)
                return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Writing
 */

static void encode_block(const struct plan *p, uint64_t index, uint8_t *block)
{
    const struct geometry *g = p->c->geometry;
    uint64_t first = index << g->refcount_block_bits;
    uint64_t count = min_u64(UINT64_C(1) << g->refcount_block_bits, p->c->clusters - first);

    memset(block, 0, g->cluster_size);
    for (uint64_t i = 0; i < count; i++)
        refcount_block_set(block, g->refcount_order, i,
                           references_get(&p->c->references, first + i));
}

static int write_blocks(struct plan *p)
{
    uint64_t cluster_size = p->c->geometry->cluster_size;
    CLEANUP_FREE uint8_t *block = malloc(cluster_size);

    if (block == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < p->entries; i++) {
        if (p->table[i] == 0)
            continue;
        encode_block(p, i, block);
        if (repair_write(p->c, block, cluster_size, p->table[i]) == -1)
            return -1;
    }
    return 0;
}

static int write_table(struct plan *p)
{
    for (uint64_t i = 0; i < p->entries; i++)
        p->table[i] = htobe64(p->table[i]);
    return repair_write(p->c, p->table, p->entries * REFCOUNT_TABLE_ENTRY_SIZE, p->table_offset);
}

static int switch_header(struct plan *p)
{
    struct header *h = p->c->repair->header;
    uint64_t clusters = p->entries * REFCOUNT_TABLE_ENTRY_SIZE >> p->c->geometry->cluster_bits;
    uint8_t bytes[12];

    store_be64(bytes, p->table_offset);
    store_be32(bytes + 8, (uint32_t)clusters);
    if (repair_header(p->c, HEADER_REFCOUNT_TABLE_AT, bytes, sizeof bytes) == -1)
        return -1;
    h->refcount_table_offset = p->table_offset;
    h->refcount_table_clusters = (uint32_t)clusters;
    return 0;
}

static int rebuild(struct plan *p)
{
    struct checking *c = p->c;
    uint64_t clusters = c->clusters;

    if (spare_bad_blocks(p) == -1 || place_blocks(p, 0, clusters) == -1 || place_table(p) == -1)
        return -1;
    if (c->clusters > clusters && c->room_claimed)
        return 0;
    if (write_blocks(p) == -1 || write_table(p) == -1 || switch_header(p) == -1)
        return -1;
    return 1;
}

int repair_rebuild(struct checking *c)
{
    struct plan plan = { .c = c };
    int r = rebuild(&plan);

    plan_destroy(&plan);
    return r;
}
