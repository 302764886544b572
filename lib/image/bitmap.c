/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap.c - persistent bitmaps in memory: reading them, marking them as in use, noting changes */

#include "image/bitmap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/image.h"

/* ------------------------------------------------------------------------------------------------
 * Coming and going
 */

void bitmaps_init(struct bitmaps *bitmaps)
{
    pthread_mutex_init(&bitmaps->lock, NULL);
}

void bitmap_free(struct bitmap *b)
{
    if (b == NULL)
        return;
    dirty_bits_destroy(&b->set);
    free(b->table);
    free(b->entry.name);
    free(b);
}

static void free_list(struct bitmaps *bitmaps)
{
    for (uint32_t i = 0; i < bitmaps->count; i++)
        bitmap_free(bitmaps->list[i]);
    free(bitmaps->list);
    bitmaps->list = NULL;
    bitmaps->count = 0;
}

void bitmaps_destroy(struct bitmaps *bitmaps)
{
    free_list(bitmaps);
    pthread_mutex_destroy(&bitmaps->lock);
}

struct bitmap **bitmaps_copy_list(const struct bitmaps *bitmaps, uint32_t more)
{
    struct bitmap **list = calloc((size_t)bitmaps->count + more + 1, sizeof list[0]);

    if (list == NULL)
        return error_no_memory();
    for (uint32_t i = 0; i < bitmaps->count; i++)
        list[i] = bitmaps->list[i];
    return list;
}

struct bitmap *bitmap_new(const char *name, uint32_t granularity_bits, uint64_t disk_size)
{
    struct bitmap *b = calloc(1, sizeof *b);

    if (b == NULL)
        return error_no_memory();
    b->entry.granularity_bits = granularity_bits;
    b->entry.name_size = strlen(name);
    b->entry.name = strdup(name);
    if (b->entry.name == NULL)
        error_no_memory();
    else if (dirty_bits_init(&b->set, bitmap_bits(disk_size, granularity_bits)) == 0)
        return b;
    bitmap_free(b);
    return NULL;
}

bool bitmaps_hold(const struct bitmaps *bitmaps, const struct bitmap *bitmap)
{
    for (uint32_t i = 0; i < bitmaps->count; i++)
        if (bitmaps->list[i] == bitmap)
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------
 * Reading
 */

static int read_directory(struct qcow2_image *image, struct bitmap_directory *directory)
{
    const struct header *h = &image->tables.header;
    CLEANUP_FREE uint8_t *buf = NULL;
    uint64_t length;

    if (store_size(image->store, &length) == -1 || bitmap_directory_validate_place(h, length) == -1)
        return -1;
    buf = malloc(h->bitmap_directory_size);
    if (buf == NULL)
        return error_no_memory(), -1;
    if (store_pread(image->store, buf, h->bitmap_directory_size, h->bitmap_directory_offset) ==
            -1 ||
        bitmap_directory_decode(directory, h, buf, length) == -1)
        return -1;
    if (bitmap_directory_validate(directory) == 0)
        return 0;
    bitmap_directory_destroy(directory);
    return -1;
}

/* The name moves. */
static struct bitmap *bitmap_of_entry(struct bitmap_entry *entry, uint64_t disk_size)
{
    struct bitmap *b = calloc(1, sizeof *b);

    if (b == NULL)
        return error_no_memory();
    b->entry = *entry;
    entry->name = NULL;
    if (bitmap_is_inconsistent(b) ||
        dirty_bits_init(&b->set, bitmap_bits(disk_size, b->entry.granularity_bits)) == 0)
        return b;
    bitmap_free(b);
    return NULL;
}

static int take_directory(struct qcow2_image *image, struct bitmap_directory *directory)
{
    struct bitmaps *bitmaps = &image->bitmaps;

    bitmaps->list = calloc(directory->count, sizeof bitmaps->list[0]);
    if (bitmaps->list == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < directory->count; i++) {
        struct bitmap *b = bitmap_of_entry(&directory->entries[i], image->tables.header.size);

        if (b == NULL)
            return -1;
        bitmaps->list[bitmaps->count++] = b;
    }
    return 0;
}

static int load_directory(struct qcow2_image *image)
{
    const struct header *h = &image->tables.header;
    struct bitmap_directory directory;
    int r;

    if (!header_has_valid_bitmaps(h))
        return 0;
    if (read_directory(image, &directory) == -1)
        return error_prefix("The bitmaps of '%s' cannot be used: ", image->filename);
    r = take_directory(image, &directory);
    if (r == -1)
        free_list(&image->bitmaps);
    bitmap_directory_destroy(&directory);
    return r;
}

uint64_t *bitmap_read_table(struct qcow2_image *image, const struct bitmap *b, uint64_t *length)
{
    if (store_size(image->store, length) == -1)
        return NULL;
    return tables_read_entries(&image->tables, b->entry.table_offset, b->entry.table_size,
                               "bitmap table");
}

int bitmap_load_table(struct qcow2_image *image, struct bitmap *b)
{
    CLEANUP_FREE uint64_t *table = NULL;
    uint64_t length;

    if (b->table != NULL || b->entry.table_size == 0)
        return 0;
    table = bitmap_read_table(image, b, &length);
    if (table == NULL)
        return -1;
    for (uint32_t i = 0; i < b->entry.table_size; i++)
        if (bitmap_table_entry_validate(table[i], length, &image->tables.geometry) == -1)
            return error_prefix("Bitmap '%s' of '%s' cannot be used: ", b->entry.name,
                                image->filename);
    b->table = RELEASE(table);
    return 0;
}

int bitmaps_load(struct qcow2_image *image, bool tables)
{
    struct bitmaps *bitmaps = &image->bitmaps;

    if (!bitmaps->loaded && load_directory(image) == -1)
        return -1;
    bitmaps->loaded = true;
    for (uint32_t i = 0; tables && i < bitmaps->count; i++)
        if (!bitmap_is_inconsistent(bitmaps->list[i]) &&
            bitmap_load_table(image, bitmaps->list[i]) == -1)
            return -1;
    bitmaps_update_tracking(bitmaps);
    return 0;
}

int image_map_bitmaps(struct qcow2_image *image)
{
    struct tables *t = &image->tables;
    WRITE_SCOPE(&t->lock);

    metadata_map_clear_ranges(&t->map, METADATA_BITMAP_DIRECTORY);
    if (!header_has_valid_bitmaps(&t->header))
        return 0;
    return metadata_map_add_range(&t->map, METADATA_BITMAP_DIRECTORY,
                                  t->header.bitmap_directory_offset,
                                  t->header.bitmap_directory_size);
}

struct bitmap *bitmap_find(struct qcow2_image *image, const char *name)
{
    for (uint32_t i = 0; i < image->bitmaps.count; i++)
        if (strcmp(image->bitmaps.list[i]->entry.name, name) == 0)
            return image->bitmaps.list[i];
    error_set(ENOENT, "Dirty bitmap '%s' not found", name);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Noting changes
 */

void bitmaps_update_tracking(struct bitmaps *bitmaps)
{
    bool tracking = false;

    for (uint32_t i = 0; i < bitmaps->count; i++)
        tracking = tracking || bitmap_tracks(bitmaps->list[i]);
    atomic_store(&bitmaps->tracking, tracking);
}

/* The directory as it is on disk, with marks. */
static uint8_t *marked_directory(const struct bitmaps *bitmaps, uint64_t size)
{
    uint8_t *directory = malloc(size), *to = directory;

    if (directory == NULL)
        return error_no_memory();
    for (uint32_t i = 0; i < bitmaps->count; i++) {
        struct bitmap_entry entry = bitmaps->list[i]->entry;

        entry.flags |= bitmap_tracks(bitmaps->list[i]) ? BITMAP_IN_USE : 0;
        bitmap_entry_encode(&entry, to);
        to += bitmap_entry_size(entry.name_size);
    }
    return directory;
}

static int write_marks(struct qcow2_image *image)
{
    struct tables *t = &image->tables;
    uint64_t offset = t->header.bitmap_directory_offset, size = t->header.bitmap_directory_size;
    CLEANUP_FREE uint8_t *directory = marked_directory(&image->bitmaps, size);

    if (directory == NULL)
        return -1;
    {
        READ_SCOPE(&t->lock);
        if (tables_check_overlap(t, offset, size, METADATA_BITMAP_DIRECTORY) == -1)
            return -1;
    }
    if (store_pwrite(t->store, directory, size, offset) == -1)
        return -1;
    return store_flush(t->store);
}

int bitmaps_mark(struct qcow2_image *image)
{
    struct bitmaps *bitmaps = &image->bitmaps;

    if (!atomic_load(&bitmaps->tracking) || atomic_load(&bitmaps->in_use))
        return 0;
    LOCK_SCOPE(&bitmaps->lock);
    if (atomic_load(&bitmaps->in_use))
        return 0;
    if (tables_usable(&image->tables) == -1 || write_marks(image) == -1)
        return -1;
    atomic_store(&bitmaps->in_use, true);
    return 0;
}

static int note(struct bitmap *b, uint64_t count, uint64_t offset)
{
    uint32_t bits = b->entry.granularity_bits;

    return dirty_bits_set(&b->set, offset >> bits, ((offset + count - 1) >> bits) + 1);
}

int bitmaps_note(struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    struct bitmaps *bitmaps = &image->bitmaps;

    if (count == 0 || !atomic_load_explicit(&bitmaps->tracking, memory_order_relaxed))
        return 0;
    if (bitmaps_mark(image) == -1)
        return -1;
    for (uint32_t i = 0; i < bitmaps->count; i++)
        if (bitmap_tracks(bitmaps->list[i]) && note(bitmaps->list[i], count, offset) == -1)
            return -1;
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Looking at bits
 */

static uint64_t table_entry(const struct bitmap *b, uint64_t index)
{
    return b->table != NULL && index < b->entry.table_size ? b->table[index] : 0;
}

/* Bits beyond the last one are 0. */
static void clear_tail(uint8_t *buf, uint64_t size, uint64_t bits)
{
    uint64_t whole = bits / 8;

    if (whole >= size)
        return;
    buf[whole] &= (uint8_t)((1u << bits % 8) - 1);
    memset(buf + whole + 1, 0, size - whole - 1);
}

int bitmap_read_cluster(struct qcow2_image *image, const struct bitmap *b, uint64_t index,
                        uint64_t bits, uint8_t *buf)
{
    uint64_t size = image->tables.geometry.cluster_size, first = index * size * 8;
    uint64_t entry = table_entry(b, index);
    uint64_t offset = entry & BITMAP_TABLE_OFFSET_MASK;

    if (offset == 0)
        memset(buf, entry & BITMAP_TABLE_ALL_ONES ? 0xff : 0, size);
    else if (store_pread(image->store, buf, size, offset) == -1)
        return -1;
    dirty_bits_merge(&b->set, first, buf, size);
    clear_tail(buf, size, bits > first ? bits - first : 0);
    return 0;
}

int bitmap_cluster_is_uniform(const struct bitmap *b, uint64_t index, uint64_t cluster_size,
                              bool *set)
{
    uint64_t entry = table_entry(b, index);

    *set = entry & BITMAP_TABLE_ALL_ONES;
    return (entry & BITMAP_TABLE_OFFSET_MASK) == 0 &&
           !dirty_bits_any(&b->set, index * cluster_size * 8, cluster_size);
}
