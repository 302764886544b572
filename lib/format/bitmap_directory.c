/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap_directory.c - the directory of persistent bitmaps and their tables, decoded and encoded */

#include "format/bitmap_directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

int bitmap_directory_validate_place(const struct header *h, uint64_t file_length)
{
    if (h->nb_bitmaps == 0)
        return error_set(EINVAL, "The bitmaps extension has zero bitmaps (expected at least one)");
    if (h->nb_bitmaps > MAX_BITMAPS)
        return error_set(EFBIG, "The image has %" PRIu32 " bitmaps (at most %u)", h->nb_bitmaps,
                         MAX_BITMAPS);
    if (h->bitmap_directory_offset == 0 ||
        !is_aligned(h->bitmap_directory_offset, h->geometry.cluster_size) ||
        h->bitmap_directory_offset >= MAX_HOST_OFFSET)
        return error_set(EINVAL,
                         "The bitmap directory offset 0x%" PRIx64
                         " is invalid (expected a multiple of the cluster size)",
                         h->bitmap_directory_offset);
    if (h->bitmap_directory_size > MAX_BITMAP_DIRECTORY_BYTES)
        return error_set(EFBIG, "The bitmap directory has %" PRIu64 " bytes (at most %" PRIu64 ")",
                         h->bitmap_directory_size, (uint64_t)MAX_BITMAP_DIRECTORY_BYTES);
    if (h->bitmap_directory_size < h->nb_bitmaps * bitmap_entry_size(1))
        return error_set(
            EINVAL, "The bitmap directory of %" PRIu64 " bytes has no room for %" PRIu32 " bitmaps",
            h->bitmap_directory_size, h->nb_bitmaps);
    if (!range_within(h->bitmap_directory_offset, h->bitmap_directory_size, file_length))
        return error_set(EINVAL,
                         "The bitmap directory lies beyond the end of the file: %" PRIu64
                         " bytes at 0x%" PRIx64,
                         h->bitmap_directory_size, h->bitmap_directory_offset);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Decoding
 */

static int refuse(uint32_t number, const char *what, uint64_t value)
{
    return error_set(EINVAL, "Bitmap directory entry %" PRIu32 " has an invalid %s: 0x%" PRIx64,
                     number, what, value);
}

static int validate_table(const struct bitmap_entry *e, uint32_t number, uint64_t file_length,
                          const struct header *h)
{
    uint64_t cluster_size = h->geometry.cluster_size;
    uint64_t bytes = (uint64_t)e->table_size * BITMAP_TABLE_ENTRY_SIZE;

    if (e->table_offset == 0 || !is_aligned(e->table_offset, cluster_size) ||
        !range_within(e->table_offset, bytes, file_length))
        return refuse(number, "table offset", e->table_offset);
    if (e->table_size == 0 || e->table_size > MAX_BITMAP_TABLE_ENTRIES ||
        e->table_size > MAX_BITMAP_BYTES / cluster_size)
        return refuse(number, "table size", e->table_size);
    if (!(e->flags & BITMAP_IN_USE) &&
        bitmap_table_entries(bitmap_bits(h->size, e->granularity_bits), &h->geometry) >
            e->table_size)
        return error_set(EINVAL,
                         "Bitmap directory entry %" PRIu32 " has a table of %" PRIu32
                         " entries, which does not cover the disk of %" PRIu64 " bytes",
                         number, e->table_size, h->size);
    return 0;
}

/* The entry at the start of buf; *size is what it takes. */
static int decode_entry(struct bitmap_entry *e, uint32_t number, const uint8_t *buf,
                        uint64_t available, uint64_t file_length, const struct header *h,
                        uint64_t *size)
{
    struct disk_bitmap disk;

    if (available < sizeof disk)
        return error_set(EINVAL, "Bitmap directory entry %" PRIu32 " lies beyond the directory",
                         number);
    memcpy(&disk, buf, sizeof disk);
    e->table_offset = be64toh(disk.table_offset);
    e->table_size = be32toh(disk.table_size);
    e->flags = be32toh(disk.flags);
    e->granularity_bits = disk.granularity_bits;
    e->name_size = be16toh(disk.name_size);
    if (disk.type != BITMAP_TYPE_TRACKING)
        return refuse(number, "type", disk.type);
    if (e->flags & BITMAP_FLAGS_RESERVED)
        return refuse(number, "word of flags", e->flags);
    if (e->granularity_bits < MIN_BITMAP_GRANULARITY_BITS ||
        e->granularity_bits > MAX_BITMAP_GRANULARITY_BITS)
        return refuse(number, "granularity", e->granularity_bits);
    if (disk.extra_data_size != 0)
        return refuse(number, "size of extra data", be32toh(disk.extra_data_size));
    *size = bitmap_entry_size(e->name_size);
    if (e->name_size == 0 || e->name_size > MAX_BITMAP_NAME_SIZE || *size > available ||
        memchr(buf + sizeof disk, '\0', e->name_size) != NULL)
        return refuse(number, "name of size", e->name_size);
    e->name = text_copy(buf + sizeof disk, e->name_size);
    return e->name ? validate_table(e, number, file_length, h) : -1;
}

int bitmap_directory_decode(struct bitmap_directory *d, const struct header *h, const uint8_t *buf,
                            uint64_t file_length)
{
    uint64_t left = h->bitmap_directory_size, size = 0;

    *d = (struct bitmap_directory){ 0 };
    d->entries = calloc(h->nb_bitmaps, sizeof d->entries[0]);
    if (d->entries == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < h->nb_bitmaps; i++) {
        d->count = i + 1;
        if (decode_entry(&d->entries[i], i, buf, left, file_length, h, &size) == -1) {
            bitmap_directory_destroy(d);
            return -1;
        }
        buf += size;
        left -= size;
    }
    if (left == 0)
        return 0;
    bitmap_directory_destroy(d);
    return error_set(EINVAL,
                     "The bitmap directory has %" PRIu64 " bytes behind its %" PRIu32 " entries",
                     left, h->nb_bitmaps);
}

void bitmap_directory_destroy(struct bitmap_directory *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        free(d->entries[i].name);
    free(d->entries);
    *d = (struct bitmap_directory){ 0 };
}

/* ------------------------------------------------------------------------------------------------
 * Entries together
 */

static int by_name(const void *a, const void *b)
{
    const struct bitmap_entry *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int by_table(const void *a, const void *b)
{
    const struct bitmap_entry *const *x = a, *const *y = b;

    return (*x)->table_offset < (*y)->table_offset ? -1 : (*x)->table_offset > (*y)->table_offset;
}

int bitmap_directory_validate(const struct bitmap_directory *d)
{
    CLEANUP_FREE const struct bitmap_entry **sorted = calloc(d->count + 1, sizeof sorted[0]);

    if (sorted == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < d->count; i++)
        sorted[i] = &d->entries[i];
    qsort(sorted, d->count, sizeof sorted[0], by_name);
    for (uint32_t i = 1; i < d->count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return error_set(EINVAL, "Two bitmaps have the same name");
    qsort(sorted, d->count, sizeof sorted[0], by_table);
    for (uint32_t i = 1; i < d->count; i++) {
        uint64_t bytes = (uint64_t)sorted[i - 1]->table_size * BITMAP_TABLE_ENTRY_SIZE;

        if (sorted[i]->table_offset - sorted[i - 1]->table_offset < bytes)
            return error_set(EINVAL, "The tables of two bitmaps overlap at offset 0x%" PRIx64,
                             sorted[i]->table_offset);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Encoding; tables
 */

void bitmap_entry_encode(const struct bitmap_entry *e, uint8_t *buf)
{
    struct disk_bitmap disk = {
        .table_offset = htobe64(e->table_offset),
        .table_size = htobe32(e->table_size),
        .flags = htobe32(e->flags),
        .type = BITMAP_TYPE_TRACKING,
        .granularity_bits = (uint8_t)e->granularity_bits,
        .name_size = htobe16((uint16_t)e->name_size),
    };

    memset(buf, 0, bitmap_entry_size(e->name_size));
    memcpy(buf, &disk, sizeof disk);
    memcpy(buf + sizeof disk, e->name, e->name_size);
}

int bitmap_table_entry_validate(uint64_t entry, uint64_t file_length, const struct geometry *g)
{
    uint64_t offset = entry & BITMAP_TABLE_OFFSET_MASK;

    if (entry & BITMAP_TABLE_RESERVED_MASK || (offset != 0 && entry & BITMAP_TABLE_ALL_ONES))
        return error_set(EINVAL, "Bitmap table entry 0x%016" PRIx64 " has reserved bits set",
                         entry);
    if (!is_aligned(offset, g->cluster_size))
        return error_set(
            EINVAL, "Bitmap table entry 0x%016" PRIx64 " points to no cluster boundary", entry);
    if (offset != 0 && offset >= file_length)
        return error_set(
            EINVAL, "Bitmap table entry 0x%016" PRIx64 " points beyond the end of the file", entry);
    return 0;
}
