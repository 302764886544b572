/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap_directory.h - the directory of persistent bitmaps and their tables, decoded and encoded
 *
 *     header extension -> directory -> table of each bitmap -> clusters of bits
 *
 * A table entry speaks of one cluster of bits: all are 0, all are 1, or they are in the cluster at
 * a host offset.  Bit n speaks of the guest bytes from n << granularity_bits on.
 */

#ifndef QCOW2_FORMAT_BITMAP_DIRECTORY_H
#define QCOW2_FORMAT_BITMAP_DIRECTORY_H

#include <stddef.h>

#include "format/header.h"

/* A bitmap as its directory entry describes it. */
struct bitmap_entry {
    uint64_t table_offset;
    uint32_t table_size; /* entries */
    uint32_t flags;      /* BITMAP_... */
    uint32_t granularity_bits;
    char *name;
    size_t name_size; /* bytes, 1 to 1023 */
};

struct bitmap_directory {
    struct bitmap_entry *entries;
    uint32_t count;
};

/* Does the image have bitmaps that count?  Without the autoclear bit, and in version 2, which has
 * no such bit, they are out of date. */
static inline bool header_has_valid_bitmaps(const struct header *header)
{
    return header->has_bitmaps && header->autoclear_features & AUTOCLEAR_BITMAPS;
}

/* Is what the header extension says of the directory possible? */
int bitmap_directory_validate_place(const struct header *header, uint64_t file_length);

/* Decode the directory that the header speaks of, of header->bitmap_directory_size bytes in buf.
 * Each entry is validated by itself. */
int bitmap_directory_decode(struct bitmap_directory *directory, const struct header *header,
                            const uint8_t *buf, uint64_t file_length);
/* Are the entries possible together?  Names are unique, tables do not overlap. */
int bitmap_directory_validate(const struct bitmap_directory *directory);
void bitmap_directory_destroy(struct bitmap_directory *directory);

/* Bytes of an entry with a name of this size. */
static inline uint64_t bitmap_entry_size(size_t name_size)
{
    return round_up(sizeof(struct disk_bitmap) + name_size, 8);
}

/* Encode one entry; buf has bitmap_entry_size bytes. */
void bitmap_entry_encode(const struct bitmap_entry *entry, uint8_t *buf);

/* Bits that describe a disk, and entries of the table that holds them. */
static inline uint64_t bitmap_bits(uint64_t disk_size, uint32_t granularity_bits)
{
    return div_round_up(disk_size, UINT64_C(1) << granularity_bits);
}

static inline uint64_t bitmap_table_entries(uint64_t bits, const struct geometry *geometry)
{
    return div_round_up(div_round_up(bits, 8), geometry->cluster_size);
}

/* Validate one entry of a bitmap's table, host byte order. */
int bitmap_table_entry_validate(uint64_t entry, uint64_t file_length,
                                const struct geometry *geometry);

#endif
