/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-bitmaps.c - a bitmap directory: decoded, encoded and decoded again, it says the same
 *
 * The input: the number of bitmaps (2 bytes), the log2 of the cluster size, the directory.
 */

#include "fuzz/fuzz.h"

#include <string.h>

#include "format/bitmap_directory.h"

#define FILE_LENGTH (UINT64_C(1) << 40) /* so that no table lies beyond the end */

static void encode(const struct bitmap_directory *directory, uint8_t *buf)
{
    for (uint32_t i = 0; i < directory->count; i++) {
        bitmap_entry_encode(&directory->entries[i], buf);
        buf += bitmap_entry_size(directory->entries[i].name_size);
    }
}

static uint64_t encoded_size(const struct bitmap_directory *directory)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < directory->count; i++)
        size += bitmap_entry_size(directory->entries[i].name_size);
    return size;
}

static void require_same(const struct bitmap_entry *a, const struct bitmap_entry *b)
{
    fuzz_require(a->table_offset == b->table_offset && a->table_size == b->table_size);
    fuzz_require(a->flags == b->flags && a->granularity_bits == b->granularity_bits);
    fuzz_require(a->name_size == b->name_size && memcmp(a->name, b->name, a->name_size) == 0);
}

static void encode_and_decode(const struct bitmap_directory *directory, struct header *header)
{
    uint64_t size = encoded_size(directory);
    uint8_t *bytes = calloc(1, size + 1);
    struct bitmap_directory again = { 0 };

    fuzz_require(bytes != NULL);
    encode(directory, bytes);
    header->bitmap_directory_size = size;
    fuzz_require(bitmap_directory_decode(&again, header, bytes, FILE_LENGTH) == 0);
    fuzz_require(again.count == directory->count);
    for (uint32_t i = 0; i < again.count; i++)
        require_same(&directory->entries[i], &again.entries[i]);
    fuzz_require(bitmap_directory_validate(&again) == bitmap_directory_validate(directory));
    bitmap_directory_destroy(&again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bitmap_directory directory = { 0 };
    struct header header = { .version = 3, .size = UINT64_C(1) << 30, .has_bitmaps = true };

    if (size < 3)
        return 0;
    header.geometry = geometry_of(
        MIN_CLUSTER_BITS + data[2] % (MAX_CLUSTER_BITS - MIN_CLUSTER_BITS + 1), 4, false);
    header.nb_bitmaps = load_be16(data);
    header.bitmap_directory_size = size - 3;
    if (bitmap_directory_decode(&directory, &header, data + 3, FILE_LENGTH) == 0)
        encode_and_decode(&directory, &header);
    bitmap_directory_destroy(&directory);
    return 0;
}
