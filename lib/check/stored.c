/* SPDX-License-Identifier: BSD-3-Clause */
/* stored.c - the refcounts that the image stores: refcount table and refcount blocks */

#include "check/stored.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Where other implementations stop reading files; a block beyond it cannot be read by them. */
#define MAX_FILE_LENGTH UINT64_C(0x7fffffffc0000000)

static bool is_readable(const struct geometry *g, uint64_t block_offset)
{
    return is_aligned(block_offset, g->cluster_size) &&
           block_offset <= MAX_FILE_LENGTH - g->cluster_size;
}

static int load_table(struct stored *s, const struct header *h)
{
    uint64_t size = (uint64_t)h->refcount_table_clusters << s->geometry->cluster_bits;
    uint64_t offset = h->refcount_table_offset;
    uint64_t bytes = range_before(offset, size, s->source->length);

    s->table_entries = div_round_up(bytes, REFCOUNT_TABLE_ENTRY_SIZE);
    s->table = calloc(s->table_entries + 1, REFCOUNT_TABLE_ENTRY_SIZE);
    if (s->table == NULL)
        return error_no_memory(), -1;
    if (bytes > 0 && source_read(s->source, s->table, bytes, offset) == -1)
        return -1;
    for (uint64_t i = 0; i < s->table_entries; i++)
        s->table[i] = be64toh(s->table[i]);
    return 0;
}

static uint64_t block_offset(const struct stored *s, uint64_t index)
{
    return s->table[index] & REFCOUNT_TABLE_OFFSET_MASK;
}

/* Of a large image nearly all blocks are the same: every cluster counted once. */
static void keep_once(struct stored *s, uint64_t index)
{
    uint8_t *before = index > 0 ? s->blocks[index - 1] : NULL;

    if (!s->only_read || before == NULL || memcmp(before, s->blocks[index], s->block_bytes) != 0)
        return;
    free(s->blocks[index]);
    s->blocks[index] = before;
    s->as_before[index] = true;
}

static int load_block(struct stored *s, uint64_t index)
{
    uint64_t offset = block_offset(s, index), bytes = s->block_bytes;
    uint64_t *owner;

    if (offset == 0 || !is_readable(s->geometry, offset))
        return 0;
    if (source_skip_zeroes(s->source, offset, offset + bytes) >= offset + bytes)
        return 0;
    owner = lookup_insert(&s->by_offset, offset, index);
    if (owner == NULL)
        return -1;
    if (*owner != index) {
        s->blocks[index] = s->blocks[*owner];
        return 0;
    }
    s->blocks[index] = malloc(bytes);
    if (s->blocks[index] == NULL)
        return error_no_memory(), -1;
    if (source_read(s->source, s->blocks[index], bytes, offset) == -1)
        return -1;
    keep_once(s, index);
    return 0;
}

int stored_load(struct stored *s, struct source *source, const struct header *header,
                uint64_t clusters, bool only_read)
{
    const struct geometry *g = &header->geometry;
    uint64_t per_block = UINT64_C(1) << g->refcount_block_bits;

    *s = (struct stored){ .source = source, .geometry = g, .only_read = only_read };
    if (load_table(s, header) == -1)
        return -1;
    s->nb_blocks = min_u64(div_round_up(clusters, per_block), s->table_entries);
    s->blocks = calloc(s->nb_blocks + 1, sizeof s->blocks[0]);
    s->changed = calloc(s->nb_blocks + 1, sizeof s->changed[0]);
    s->as_before = calloc(s->nb_blocks + 1, sizeof s->as_before[0]);
    if (s->blocks == NULL || s->changed == NULL || s->as_before == NULL)
        return error_no_memory(), -1;
    /* of a short image's only block no more than the file has clusters */
    s->cached = min_u64(s->nb_blocks * per_block, clusters);
    s->block_bytes = s->nb_blocks == 1 ? round_up(((s->cached << g->refcount_order) + 7) / 8, 512)
                                       : g->cluster_size;
    for (uint64_t i = 0; i < s->nb_blocks; i++)
        if (load_block(s, i) == -1)
            return -1;
    return 0;
}

void stored_destroy(struct stored *s)
{
    for (size_t i = 0; i < s->by_offset.capacity; i++)
        if (s->by_offset.slots[i].key != 0 && !s->as_before[s->by_offset.slots[i].value])
            free(s->blocks[s->by_offset.slots[i].value]);
    lookup_destroy(&s->by_offset);
    free(s->blocks);
    free(s->changed);
    free(s->as_before);
    free(s->table);
    *s = (struct stored){ 0 };
}

bool stored_get_absent(const struct stored *s, uint64_t cluster, uint64_t *refcount)
{
    const struct geometry *g = s->geometry;
    uint64_t index = cluster >> g->refcount_block_bits;
    uint64_t bit = (cluster & ((UINT64_C(1) << g->refcount_block_bits) - 1)) << g->refcount_order;
    uint64_t offset;
    uint8_t word[8];

    *refcount = 0;
    if (index >= s->table_entries)
        return true;
    offset = block_offset(s, index);
    if (offset == 0)
        return true;
    if (!is_readable(g, offset))
        return false;
    if (cluster < s->cached)
        return true; /* a hole */
    /* beyond the end of the file: only a damaged entry asks for it, so one small read will do */
    if (source_read(s->source, word, sizeof word, offset + round_down(bit / 8, 8)) == -1)
        return false;
    *refcount = refcount_block_get(word, g->refcount_order, bit % 64 >> g->refcount_order);
    return true;
}

void stored_set(struct stored *s, uint64_t cluster, uint64_t refcount)
{
    const struct geometry *g = s->geometry;
    uint64_t index = cluster >> g->refcount_block_bits;

    refcount_block_set(s->blocks[index], g->refcount_order,
                       cluster & ((UINT64_C(1) << g->refcount_block_bits) - 1), refcount);
    s->changed[index] = true;
}

int stored_write(struct stored *s, stored_writer *writer, void *opaque)
{
    for (uint64_t i = 0; i < s->nb_blocks; i++) {
        if (!s->changed[i])
            continue;
        if (writer(opaque, s->blocks[i], s->block_bytes, block_offset(s, i)) == -1)
            return -1;
        s->changed[i] = false;
    }
    return 0;
}
