/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmaps.c - references from the bitmaps extension: directory, tables, data */

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/checking.h"
#include "check/entry_tables.h"

/* ------------------------------------------------------------------------------------------------
 * The directory
 */

static bool directory_is_valid(const struct checking *c)
{
    const struct header *h = c->header;

    return h->nb_bitmaps >= 1 && h->nb_bitmaps <= MAX_BITMAPS &&
           h->bitmap_directory_size <= MAX_BITMAP_DIRECTORY_BYTES &&
           is_aligned(h->bitmap_directory_offset, c->geometry->cluster_size) &&
           range_within(h->bitmap_directory_offset, h->bitmap_directory_size, c->source.length);
}

/* The size of the entry at the start of buf, or 0 if it is not valid. */
static uint64_t decode_bitmap(const struct checking *c, const uint8_t *buf, uint64_t available,
                              struct disk_bitmap *bitmap)
{
    uint64_t size;

    if (available < sizeof *bitmap)
        return 0;
    memcpy(bitmap, buf, sizeof *bitmap);
    bitmap->table_offset = be64toh(bitmap->table_offset);
    bitmap->table_size = be32toh(bitmap->table_size);
    size = round_up(sizeof *bitmap + be16toh(bitmap->name_size) +
                        (uint64_t)be32toh(bitmap->extra_data_size),
                    8);
    if (size > available || bitmap->table_offset == 0 || bitmap->table_offset >= MAX_HOST_OFFSET ||
        !is_aligned(bitmap->table_offset, c->geometry->cluster_size) || bitmap->table_size == 0 ||
        bitmap->table_size > MAX_BITMAP_TABLE_ENTRIES)
        return 0;
    return size;
}

static int collect_tables(struct checking *c, const uint8_t *directory, struct entry_tables *tables)
{
    uint64_t left = c->header->bitmap_directory_size;
    struct disk_bitmap bitmap;

    for (uint32_t i = 0; i < c->header->nb_bitmaps; i++) {
        uint64_t size = decode_bitmap(c, directory, left, &bitmap);

        if (size == 0) {
            checking_give_up(c, "ERROR bitmap directory entry %" PRIu32 " is not valid", i);
            return 0;
        }
        directory += size;
        left -= size;
        if (entry_tables_add(tables, bitmap.table_offset,
                             (uint64_t)bitmap.table_size * BITMAP_TABLE_ENTRY_SIZE) == -1)
            return -1;
    }
    if (left > 0)
        checking_give_up(c, "ERROR bitmap directory holds more than %" PRIu32 " bitmaps",
                         c->header->nb_bitmaps);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Counting
 */

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

static int count_directory(struct checking *c, const uint8_t *directory)
{
    struct entry_tables tables;
    int result = entry_tables_init(&tables, c, c->header->nb_bitmaps, count_entry);

    if (result == 0)
        result = collect_tables(c, directory, &tables);
    if (result == 0 && !c->gave_up)
        result = entry_tables_count(&tables);
    entry_tables_destroy(&tables);
    return result;
}

/* Bitmaps whose autoclear bit some program has cleared are gone: their clusters are leaks. */
int checking_count_bitmaps(struct checking *c)
{
    const struct header *h = c->header;
    CLEANUP_FREE uint8_t *directory = NULL;

    if (!h->has_bitmaps || !(h->autoclear_features & AUTOCLEAR_BITMAPS))
        return 0;
    if (!directory_is_valid(c)) {
        checking_give_up(c,
                         "ERROR bitmap directory is not valid: %" PRIu32 " bitmaps, %" PRIu64
                         " bytes at 0x%" PRIx64,
                         h->nb_bitmaps, h->bitmap_directory_size, h->bitmap_directory_offset);
        return 0;
    }
    if (checking_refer(c, h->bitmap_directory_offset, h->bitmap_directory_size, 1) == -1)
        return -1;
    directory = malloc(h->bitmap_directory_size + 1);
    if (directory == NULL)
        return error_no_memory(), -1;
    if (source_read(&c->source, directory, h->bitmap_directory_size, h->bitmap_directory_offset) ==
        -1)
        return -1;
    return count_directory(c, directory);
}
