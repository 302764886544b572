/* SPDX-License-Identifier: BSD-3-Clause */
/* refcount_width.c - the refcounts of an image once more, in entries of another width
 *
 *     1  every count fits?
 *     2  a cluster for each new block whose range holds a count that is not 0, then clusters for
 *        the new table: from the allocator, so that the old structures count them, too.  That may
 *        have brought counts into ranges that had none: again, until nothing is added.
 *     3  the counts, copied into the new blocks; the new table
 *
 * What is written so counts everything that is in use, itself and the old structures.  Then the
 * caller's header switches to it (rule R4), and what the old structures occupied is released.  A
 * cut before the switch leaks the new ones, a cut after it the old ones.  Memory: the two tables,
 * and a piece of the new blocks.
 */

#include "table/refcount_width.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "format/refcount_block.h"
#include "table/refcount.h"
#include "table/tree.h"

#define WRITE_PIECE (UINT64_C(1) << 20)

struct build {
    struct tables *t;
    struct refcount_width *width;
    refcount_width_step *step;
    void *opaque;
};

/* Clusters that the old structures can count. */
static uint64_t counted_clusters(const struct tables *t)
{
    return t->refcount_table_size << t->geometry.refcount_block_bits;
}

static uint64_t clusters_per_block(const struct refcount_width *width)
{
    return UINT64_C(1) << width->geometry.refcount_block_bits;
}

/* ------------------------------------------------------------------------------------------------
 * 1: do they fit?
 */

static int check_run(struct tables *t, uint64_t cluster, const struct refcount_run *run,
                     const struct geometry *width)
{
    for (uint64_t i = 0; i < run->count; i++) {
        uint64_t count =
            refcount_block_get(run->counts, t->geometry.refcount_order, run->index + i);

        if (count > width->refcount_max)
            return error_set(EINVAL,
                             "Cannot decrease refcount entry width to %u bits: Cluster at offset "
                             "0x%" PRIx64 " has a refcount of %" PRIu64,
                             1u << width->refcount_order, (cluster + i) << t->geometry.cluster_bits,
                             count);
    }
    return 0;
}

static int check_counts(struct tables *t, const struct geometry *width)
{
    struct refcount_run run;
    WRITE_SCOPE(&t->lock);

    for (uint64_t c = 0; c < counted_clusters(t); c += run.count)
        if (refcount_run(t, c, &run) == -1 || (run.counts && check_run(t, c, &run, width) == -1))
            return -1;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * 2: room
 */

static int too_large(const struct tables *t, const struct geometry *width)
{
    return error_set(EFBIG,
                     "'%s' cannot have refcounts of %u bits: its refcount table would pass "
                     "%" PRIu64 " bytes",
                     t->store->name, 1u << width->refcount_order,
                     (uint64_t)MAX_REFCOUNT_TABLE_BYTES);
}

/* Behind the last count of an old block; 0: it has none. */
static int end_in_block(struct tables *t, uint64_t index, uint64_t *end)
{
    uint64_t start = index << t->geometry.refcount_block_bits;
    uint64_t behind = (index + 1) << t->geometry.refcount_block_bits;
    struct refcount_run run;

    *end = 0;
    for (uint64_t c = start; c < behind; c += run.count) {
        if (refcount_run(t, c, &run) == -1)
            return -1;
        for (uint64_t i = 0; run.counts && i < run.count; i++)
            if (refcount_block_get(run.counts, t->geometry.refcount_order, run.index + i) != 0)
                *end = c + i + 1;
    }
    return 0;
}

/* Would the table have an entry too many, if the new blocks and the table lay behind all that is in
 * use? */
static int check_room(struct tables *t, const struct geometry *width)
{
    uint64_t wider =
        UINT64_C(1) << (t->geometry.refcount_block_bits > width->refcount_block_bits
                            ? t->geometry.refcount_block_bits - width->refcount_block_bits
                            : 0);
    uint64_t blocks = 0, end = 0, entries;
    WRITE_SCOPE(&t->lock);

    for (uint64_t i = t->refcount_table_size; i > 0; i--) {
        if (t->refcount_table[i - 1] == 0)
            continue;
        blocks += wider;
        if (end == 0 && end_in_block(t, i - 1, &end) == -1)
            return -1;
    }
    end += blocks + div_round_up(blocks * REFCOUNT_TABLE_ENTRY_SIZE, width->cluster_size);
    entries = div_round_up(end, UINT64_C(1) << width->refcount_block_bits);
    return entries * REFCOUNT_TABLE_ENTRY_SIZE > MAX_REFCOUNT_TABLE_BYTES ? too_large(t, width) : 0;
}

/* Is anything in the range of a new block in use?  1 or 0, -1 on errors. */
static int range_in_use(struct build *b, uint64_t index)
{
    struct tables *t = b->t;
    uint64_t start = index * clusters_per_block(b->width),
             end = start + clusters_per_block(b->width);
    struct refcount_run run;

    end = min_u64(end, counted_clusters(t));
    for (uint64_t c = start; c < end; c += run.count) {
        if (refcount_run(t, c, &run) == -1)
            return -1;
        run.count = min_u64(run.count, end - c);
        for (uint64_t i = 0; run.counts && i < run.count; i++)
            if (refcount_block_get(run.counts, t->geometry.refcount_order, run.index + i) != 0)
                return 1;
    }
    return 0;
}

/* The new table with room for an entry of that index. */
static int reserve_entry(struct build *b, uint64_t index)
{
    struct refcount_width *width = b->width;
    uint64_t per_cluster = width->geometry.cluster_size / REFCOUNT_TABLE_ENTRY_SIZE;
    uint64_t size = round_up(index + 1, per_cluster);
    uint64_t *table;

    if (index < width->table_size)
        return 0;
    if (size * REFCOUNT_TABLE_ENTRY_SIZE > MAX_REFCOUNT_TABLE_BYTES)
        return too_large(b->t, &width->geometry);
    table = realloc(width->table, size * sizeof table[0]);
    if (table == NULL)
        return error_no_memory(), -1;
    memset(table + width->table_size, 0, (size - width->table_size) * sizeof table[0]);
    width->table = table;
    width->table_size = size;
    return 0;
}

static int allocate_blocks(struct build *b, bool *added)
{
    struct tables *t = b->t;
    bool never_written;

    *added = false;
    for (uint64_t i = 0; i * clusters_per_block(b->width) < counted_clusters(t); i++) {
        int in_use = i < b->width->table_size && b->width->table[i] ? 0 : range_in_use(b, i);

        if (in_use == -1 || b->step(b->opaque) == -1)
            return -1;
        if (in_use == 0)
            continue;
        if (reserve_entry(b, i) == -1 ||
            refcount_allocate(t, 1, &b->width->table[i], &never_written) == -1)
            return -1;
        *added = true;
    }
    return 0;
}

/* Nothing refers to the clusters of the last table yet. */
static int allocate_table(struct build *b)
{
    struct refcount_width *width = b->width;
    uint64_t bytes = width->table_size * REFCOUNT_TABLE_ENTRY_SIZE;
    bool never_written;

    if (width->table_offset != 0 &&
        refcount_lower(b->t, width->table_offset, width->table_bytes) == -1)
        return -1;
    width->table_offset = 0;
    width->table_bytes = bytes;
    return refcount_allocate(b->t, bytes >> width->geometry.cluster_bits, &width->table_offset,
                             &never_written);
}

static int allocate_all(struct build *b)
{
    bool added;
    WRITE_SCOPE(&b->t->lock);

    do
        if (allocate_blocks(b, &added) == -1 || (added && allocate_table(b) == -1))
            return -1;
    while (added);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * 3: writing
 */

static int fill_block(struct build *b, uint64_t index, uint8_t *block)
{
    struct tables *t = b->t;
    uint64_t start = index * clusters_per_block(b->width),
             end = start + clusters_per_block(b->width);
    uint32_t from = t->geometry.refcount_order, to = b->width->geometry.refcount_order;
    struct refcount_run run;

    memset(block, 0, t->geometry.cluster_size);
    end = min_u64(end, counted_clusters(t));
    for (uint64_t c = start; c < end; c += run.count) {
        if (refcount_run(t, c, &run) == -1)
            return -1;
        run.count = min_u64(run.count, end - c);
        for (uint64_t i = 0; run.counts && i < run.count; i++) {
            uint64_t count = refcount_block_get(run.counts, from, run.index + i);

            if (count != 0)
                refcount_block_set(block, to, c - start + i, count);
        }
    }
    return 0;
}

/* As many blocks, from index on, as lie one behind the other; *count of them. */
static int write_run(struct build *b, uint64_t index, uint8_t *piece, uint64_t *count)
{
    uint64_t size = b->t->geometry.cluster_size, most = max_u64(WRITE_PIECE / size, 1);
    const uint64_t *table = b->width->table;

    for (*count = 0; *count < most && index + *count < b->width->table_size; ++*count) {
        if (table[index + *count] == 0 || table[index + *count] != table[index] + *count * size)
            break;
        if (fill_block(b, index + *count, piece + *count * size) == -1 || b->step(b->opaque) == -1)
            return -1;
    }
    if (*count > 0)
        return store_pwrite(b->t->store, piece, *count * size, table[index]);
    *count = 1; /* no block here */
    return 0;
}

static int write_blocks(struct build *b)
{
    CLEANUP_FREE uint8_t *piece = malloc(max_u64(WRITE_PIECE, b->t->geometry.cluster_size));
    uint64_t count;
    WRITE_SCOPE(&b->t->lock);

    if (piece == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < b->width->table_size; i += count)
        if (write_run(b, i, piece, &count) == -1)
            return -1;
    return 0;
}

static int write_table(struct build *b)
{
    const struct refcount_width *width = b->width;
    CLEANUP_FREE uint8_t *bytes = malloc(width->table_bytes);

    if (bytes == NULL)
        return error_no_memory(), -1;
    for (uint64_t i = 0; i < width->table_size; i++)
        store_be64(bytes + i * REFCOUNT_TABLE_ENTRY_SIZE, width->table[i]);
    return store_pwrite(b->t->store, bytes, width->table_bytes, width->table_offset);
}

int refcount_width_fits(struct tables *t, uint32_t refcount_order)
{
    struct geometry width = t->geometry;

    geometry_set_refcount_order(&width, refcount_order);
    if (width.refcount_order < t->geometry.refcount_order && check_counts(t, &width) == -1)
        return -1;
    return check_room(t, &width);
}

int refcount_width_build(struct tables *t, uint32_t refcount_order, struct refcount_width *width,
                         refcount_width_step *step, void *opaque)
{
    struct build b = { .t = t, .width = width, .step = step, .opaque = opaque };

    *width = (struct refcount_width){ .geometry = t->geometry };
    geometry_set_refcount_order(&width->geometry, refcount_order);
    if (check_counts(t, &width->geometry) == -1)
        return -1;
    if (allocate_all(&b) == 0 && write_blocks(&b) == 0 && write_table(&b) == 0)
        return 0;
    refcount_width_abandon(t, width);
    return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Afterwards
 */

void refcount_width_abandon(struct tables *t, struct refcount_width *width)
{
    struct error error;
    bool usable;

    error_save(&error);
    usable = tables_usable(t) == 0;
    for (uint64_t i = 0; usable && i < width->table_size; i++)
        if (width->table[i] != 0)
            tree_release(t, width->table[i], t->geometry.cluster_size);
    if (usable && width->table_offset != 0)
        tree_release(t, width->table_offset, width->table_bytes);
    free(width->table);
    *width = (struct refcount_width){ 0 };
    error_restore(&error);
}

static int adopt_locked(struct tables *t, struct refcount_width *width)
{
    for (uint64_t i = 0; i < t->refcount_table_size; i++)
        if (t->refcount_table[i] & REFCOUNT_TABLE_OFFSET_MASK)
            cache_drop(&t->refcount_cache, t->refcount_table[i] & REFCOUNT_TABLE_OFFSET_MASK,
                       t->geometry.cluster_size);
    t->geometry = width->geometry;
    t->refcount_table = RELEASE(width->table);
    t->refcount_table_size = width->table_size;
    t->refcount_table_offset = width->table_offset;
    t->refcount_table_clusters = (uint32_t)(width->table_bytes >> t->geometry.cluster_bits);
    metadata_map_clear_ranges(&t->map, METADATA_REFCOUNT_TABLE);
    metadata_map_clear_clusters(&t->map, METADATA_REFCOUNT_BLOCK);
    for (uint64_t i = 0; i < t->refcount_table_size; i++)
        if (t->refcount_table[i] &&
            metadata_map_add_cluster(&t->map, METADATA_REFCOUNT_BLOCK, t->refcount_table[i]) == -1)
            return -1;
    return metadata_map_add_range(&t->map, METADATA_REFCOUNT_TABLE, width->table_offset,
                                  width->table_bytes);
}

int refcount_width_adopt(struct tables *t, struct refcount_width *width)
{
    CLEANUP_FREE uint64_t *old = t->refcount_table;
    uint64_t old_size = t->refcount_table_size, old_offset = t->refcount_table_offset;
    int r;

    {
        WRITE_SCOPE(&t->lock);
        r = adopt_locked(t, width);
    }
    for (uint64_t i = 0; r == 0 && i < old_size; i++)
        if (old[i] & REFCOUNT_TABLE_OFFSET_MASK)
            r = tree_release(t, old[i] & REFCOUNT_TABLE_OFFSET_MASK, t->geometry.cluster_size);
    if (r == 0)
        r = tree_release(t, old_offset, old_size * REFCOUNT_TABLE_ENTRY_SIZE);
    return r == -1 ? tables_fail(t) : 0;
}
