/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmaps.c - references from the bitmaps extension: directory, tables, data */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/checking.h"
#include "check/entry_tables.h"
#include "format/bitmap_directory.h"

static int count_entry(void *opaque, uint64_t at, uint64_t entry, uint64_t weight)
{
    struct checking *c = opaque;
    uint64_t offset = entry & BITMAP_TABLE_OFFSET_MASK;

    (void)at;
    if (entry & BITMAP_TABLE_RESERVED_MASK || (offset != 0 && entry & BITMAP_TABLE_ALL_ONES) ||
        !is_aligned(offset, c->geometry->cluster_size)) {
        checking_corruption(c, weight, "ERROR bitmap table entry %" PRIx64 " is not valid", entry);
        return 0;
    }
    return offset ? checking_refer(c, offset, c->geometry->cluster_size, weight) : 0;
}

static int count_tables(struct checking *c, const struct bitmap_directory *directory)
{
    struct entry_tables tables;
    int result = entry_tables_init(&tables, c, directory->count, count_entry);

    for (uint32_t i = 0; i < directory->count && result == 0; i++)
        result =
            entry_tables_add(&tables, directory->entries[i].table_offset,
                             (uint64_t)directory->entries[i].table_size * BITMAP_TABLE_ENTRY_SIZE);
    if (result == 0)
        result = entry_tables_count(&tables);
    entry_tables_destroy(&tables);
    return result;
}

/* What cannot be decoded is told, and the check given up; -1 for what has to do with this
 * machine. */
static int give_up(struct checking *c)
{
    if (error_errno() == ENOMEM)
        return -1;
    checking_give_up(c, "ERROR bitmap directory: %s", error_message());
    return 0;
}

/* Bitmaps whose autoclear bit some program has cleared are gone: their clusters are leaks. */
int checking_count_bitmaps(struct checking *c)
{
    const struct header *h = c->header;
    CLEANUP_FREE uint8_t *buf = NULL;
    struct bitmap_directory directory;
    int result;

    if (!header_has_valid_bitmaps(h))
        return 0;
    if (bitmap_directory_validate_place(h, c->source.length) == -1)
        return give_up(c);
    if (checking_refer(c, h->bitmap_directory_offset, h->bitmap_directory_size, 1) == -1)
        return -1;
    buf = malloc(h->bitmap_directory_size);
    if (buf == NULL)
        return error_no_memory(), -1;
    if (source_read(&c->source, buf, h->bitmap_directory_size, h->bitmap_directory_offset) == -1)
        return -1;
    if (bitmap_directory_decode(&directory, h, buf, c->source.length) == -1)
        return give_up(c);
    result = count_tables(c, &directory);
    bitmap_directory_destroy(&directory);
    return result;
}
