/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap_store.c - changing the bitmaps on disk
 *
 *     bits, tables and directory to new clusters; refcounts | barrier |
 *     header: place and size of the directory | barrier | old directory, tables, bits released
 *
 * What has not changed keeps its place: a new table may name clusters of bits that the old one
 * names, too, and a new directory old tables.  Only one of the two directories is ever in force, so
 * that these clusters have one reference as before.
 *
 * The bits are those of the table on disk and those set since.  A cluster of bits that are all
 * equal needs no room.
 */

#include "image/bitmap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "table/clusters.h"
#include "table/flush.h"
#include "table/header_update.h"
#include "table/l1.h"
#include "table/refcount.h"
#include "table/tree.h"

/* Where a bitmap will be. */
struct place {
    bool rewritten; /* else everything is as it was */
    uint64_t table_offset;
    uint32_t table_size;
    uint64_t *table;
    struct dirty_bits set; /* empty, for what is set from then on */
};

struct bitmap_change {
    struct bitmap **list;
    uint32_t count;
    struct place *places; /* of each */
    uint64_t disk_size;
    uint64_t old_disk_size;
    bool in_use;
    uint64_t directory_offset;
    uint64_t directory_size;
    struct index_list taken; /* clusters that the change allocated */
    struct index_list old;   /* clusters that nothing will refer to */
};

/* ------------------------------------------------------------------------------------------------
 * Clusters
 */

/* All of them or, on errors, none. */
static int list_clusters(struct tables *t, struct index_list *list, uint64_t offset, uint64_t count)
{
    uint64_t size = t->geometry.cluster_size;
    size_t before = list->count;

    for (uint64_t done = 0; done < count; done += size)
        if (index_list_add(list, offset + done) == -1) {
            list->count = before;
            return -1;
        }
    return 0;
}

/* New clusters with these bytes. */
static int write_new(struct tables *t, struct bitmap_change *c, const uint8_t *buf, uint64_t count,
                     uint64_t *offset)
{
    CLEANUP_CLUSTERS struct clusters taken = { 0 };

    if (clusters_take(&taken, t, count) == -1 ||
        list_clusters(t, &c->taken, taken.offset, count) == -1)
        return -1;
    *offset = clusters_keep(&taken);
    return store_pwrite(t->store, buf, count, *offset);
}

/* These will have no reference any more. */
static int give_up(struct tables *t, struct bitmap_change *c, uint64_t offset, uint64_t count,
                   enum metadata_class class)
{
    READ_SCOPE(&t->lock);

    if (tables_check_release(t, offset, count, class) == -1)
        return -1;
    return list_clusters(t, &c->old, offset, count);
}

static int give_up_table(struct tables *t, struct bitmap_change *c, const struct bitmap *b)
{
    uint64_t bytes = (uint64_t)b->entry.table_size * BITMAP_TABLE_ENTRY_SIZE;

    return bytes ? give_up(t, c, b->entry.table_offset, bytes, METADATA_NONE) : 0;
}

static int give_up_bits(struct tables *t, struct bitmap_change *c, uint64_t table_entry)
{
    uint64_t offset = table_entry & BITMAP_TABLE_OFFSET_MASK;

    return offset ? give_up(t, c, offset, t->geometry.cluster_size, METADATA_NONE) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * One bitmap
 */

/* The new table entry of one cluster of bits. */
static int write_bits(struct qcow2_image *image, struct bitmap_change *c, const struct bitmap *b,
                      const struct place *p, uint64_t index, uint8_t *buf, uint64_t *entry)
{
    uint64_t size = image->tables.geometry.cluster_size;

    if (bitmap_read_cluster(image, b, index, min_u64(b->set.count, p->set.count), buf) == -1)
        return -1;
    *entry = 0;
    if (is_filled(buf, 0, size))
        return 0;
    if (is_filled(buf, 0xff, size)) {
        *entry = BITMAP_TABLE_ALL_ONES;
        return 0;
    }
    return write_new(&image->tables, c, buf, size, entry);
}

/* Do the bits on disk end in this cluster, and have ended elsewhere? */
static bool ends_anew(const struct qcow2_image *image, const struct bitmap *b,
                      const struct place *p, uint64_t index)
{
    uint64_t bits = image->tables.geometry.cluster_size * 8;
    bool is_last = index == p->table_size - 1;

    if (b->set.count == p->set.count)
        return b->tail_is_stale && is_last;
    return is_last || index == b->set.count / bits;
}

/* Does the cluster on disk hold these bits already? */
static bool is_current(const struct qcow2_image *image, const struct bitmap *b,
                       const struct place *p, uint64_t index)
{
    uint64_t size = image->tables.geometry.cluster_size;

    return index < b->entry.table_size && !dirty_bits_any(&b->set, index * size * 8, size) &&
           !ends_anew(image, b, p, index);
}

static int fill_table(struct qcow2_image *image, struct bitmap_change *c, const struct bitmap *b,
                      struct place *p)
{
    CLEANUP_FREE uint8_t *buf = malloc(image->tables.geometry.cluster_size);
    uint32_t end = p->table_size > b->entry.table_size ? p->table_size : b->entry.table_size;

    if (buf == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < end; i++) {
        uint64_t old = i < b->entry.table_size ? b->table[i] : 0, new = 0;

        if (i < p->table_size) {
            if (is_current(image, b, p, i))
                new = old;
            else if (write_bits(image, c, b, p, i, buf, &new) == -1)
                return -1;
            p->table[i] = new;
        }
        if (new != old && give_up_bits(&image->tables, c, old) == -1)
            return -1;
    }
    return 0;
}

/* The table into new clusters, if it is another. */
static int write_table(struct tables *t, struct bitmap_change *c, const struct bitmap *b,
                       struct place *p)
{
    uint64_t bytes = (uint64_t)p->table_size * BITMAP_TABLE_ENTRY_SIZE;
    CLEANUP_FREE uint8_t *buf = NULL;

    if (p->table_size == b->entry.table_size && memcmp(p->table, b->table, bytes) == 0) {
        p->table_offset = b->entry.table_offset;
        return 0;
    }
    buf = malloc(bytes);
    if (buf == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < p->table_size; i++)
        store_be64(buf + (size_t)i * BITMAP_TABLE_ENTRY_SIZE, p->table[i]);
    if (write_new(t, c, buf, bytes, &p->table_offset) == -1)
        return -1;
    return give_up_table(t, c, b);
}

static int rewrite(struct qcow2_image *image, struct bitmap_change *c, struct bitmap *b,
                   struct place *p)
{
    struct tables *t = &image->tables;
    uint64_t bits = bitmap_bits(c->disk_size, b->entry.granularity_bits);
    uint64_t entries = max_u64(bitmap_table_entries(bits, &t->geometry), 1);

    if (entries > MAX_BITMAP_BYTES / t->geometry.cluster_size)
        return error_set(EFBIG,
                         "Too much space will be occupied by the bitmap '%s': a larger granularity "
                         "is needed for a disk of %" PRIu64 " bytes",
                         b->entry.name, c->disk_size);
    p->rewritten = true;
    p->table_size = (uint32_t)entries;
    p->table = calloc(entries, sizeof p->table[0]);
    if (p->table == NULL)
        return error_no_memory(), -1;
    if (dirty_bits_init(&p->set, bits) == -1 || bitmap_load_table(image, b) == -1 ||
        fill_table(image, c, b, p) == -1)
        return -1;
    return write_table(t, c, b, p);
}

/* A marked bitmap is written when the mark goes, but it has a table in any case. */
static int place_bitmap(struct qcow2_image *image, struct bitmap_change *c, uint32_t i)
{
    struct bitmap *b = c->list[i];
    struct place *p = &c->places[i];

    if (bitmap_is_inconsistent(b) || (c->in_use && bitmap_tracks(b) && b->entry.table_size > 0)) {
        p->table_offset = b->entry.table_offset;
        p->table_size = b->entry.table_size;
        return 0;
    }
    return rewrite(image, c, b, p);
}

/* ------------------------------------------------------------------------------------------------
 * The directory
 */

static int write_directory(struct tables *t, struct bitmap_change *c)
{
    CLEANUP_FREE uint8_t *buf = NULL;
    uint8_t *to;

    for (uint32_t i = 0; i < c->count; i++)
        c->directory_size += bitmap_entry_size(c->list[i]->entry.name_size);
    if (c->directory_size > MAX_BITMAP_DIRECTORY_BYTES)
        return error_set(
            EFBIG, "The bitmap directory of '%s' would be too large (at most %" PRIu64 " bytes)",
            t->store->name, (uint64_t)MAX_BITMAP_DIRECTORY_BYTES);
    if (c->count == 0)
        return 0;
    buf = to = malloc(c->directory_size);
    if (buf == NULL)
        return error_no_memory(), -1;
    for (uint32_t i = 0; i < c->count; i++) {
        struct bitmap_entry entry = c->list[i]->entry;

        entry.table_offset = c->places[i].table_offset;
        entry.table_size = c->places[i].table_size;
        entry.flags |= c->in_use && bitmap_tracks(c->list[i]) ? BITMAP_IN_USE : 0;
        bitmap_entry_encode(&entry, to);
        to += bitmap_entry_size(entry.name_size);
    }
    return write_new(t, c, buf, c->directory_size, &c->directory_offset);
}

/* A bitmap that is to be gone.  The table of an inconsistent one may hold nonsense; what such
 * entries held is leaked. */
static int give_up_bitmap(struct qcow2_image *image, struct bitmap_change *c,
                          const struct bitmap *b)
{
    struct tables *t = &image->tables;
    uint64_t length;
    CLEANUP_FREE uint64_t *table = bitmap_read_table(image, b, &length);

    if (table == NULL)
        return -1;
    for (uint32_t i = 0; i < b->entry.table_size; i++)
        if (bitmap_table_entry_validate(table[i], length, &t->geometry) == 0 &&
            give_up_bits(t, c, table[i]) == -1)
            return -1;
    return give_up_table(t, c, b);
}

static int give_up_the_rest(struct qcow2_image *image, struct bitmap_change *c)
{
    const struct header *h = &image->tables.header;

    for (uint32_t i = 0; i < image->bitmaps.count; i++)
        if (!image->bitmaps.list[i]->stays &&
            give_up_bitmap(image, c, image->bitmaps.list[i]) == -1)
            return -1;
    if (!header_has_valid_bitmaps(h))
        return 0;
    return give_up(&image->tables, c, h->bitmap_directory_offset, h->bitmap_directory_size,
                   METADATA_BITMAP_DIRECTORY);
}

/* ------------------------------------------------------------------------------------------------
 * The change
 */

static void free_change(struct bitmap_change *c)
{
    for (uint32_t i = 0; c->places && i < c->count; i++) {
        free(c->places[i].table);
        dirty_bits_destroy(&c->places[i].set);
    }
    free(c->places);
    free(c->list);
    index_list_clear(&c->taken);
    index_list_clear(&c->old);
    free(c);
}

static int prepare(struct qcow2_image *image, struct bitmap_change *c)
{
    for (uint32_t i = 0; i < image->bitmaps.count; i++)
        image->bitmaps.list[i]->stays = false;
    for (uint32_t i = 0; i < c->count; i++)
        c->list[i]->stays = true;
    for (uint32_t i = 0; i < c->count; i++)
        if (place_bitmap(image, c, i) == -1)
            return -1;
    if (write_directory(&image->tables, c) == -1)
        return -1;
    return give_up_the_rest(image, c);
}

struct bitmap_change *bitmap_change_new(struct qcow2_image *image, struct bitmap **list,
                                        uint32_t count, uint64_t disk_size, bool in_use)
{
    struct bitmap_change *c = calloc(1, sizeof *c);

    if (c == NULL) {
        free(list);
        return error_no_memory();
    }
    *c = (struct bitmap_change){
        .list = list,
        .count = count,
        .disk_size = disk_size,
        .old_disk_size = image->tables.header.size,
        .in_use = in_use,
    };
    c->places = calloc(count ? count : 1, sizeof c->places[0]);
    if (c->places == NULL)
        error_no_memory();
    else if (prepare(image, c) == 0)
        return c;
    bitmap_change_abandon(image, c);
    return NULL;
}

void bitmap_change_describe(const struct bitmap_change *c, struct header *header)
{
    header->has_bitmaps = c->count > 0;
    header->nb_bitmaps = c->count;
    header->bitmap_directory_offset = c->directory_offset;
    header->bitmap_directory_size = c->directory_size;
    header->autoclear_features &= ~AUTOCLEAR_BITMAPS;
    header->autoclear_features |= c->count > 0 ? AUTOCLEAR_BITMAPS : 0;
}

void bitmap_change_abandon(struct qcow2_image *image, struct bitmap_change *c)
{
    struct tables *t = &image->tables;
    struct error error;

    error_save(&error);
    if (tables_usable(t) == 0) { /* else nobody knows which directory is in force */
        WRITE_SCOPE(&t->lock);
        for (size_t i = 0; i < c->taken.count; i++)
            refcount_lower(t, c->taken.items[i], 1);
    }
    free_change(c);
    error_restore(&error);
}

/* The bitmap is now what was written. */
static int adopt_place(struct bitmap *b, struct place *p, uint64_t disk_size)
{
    uint64_t bits = bitmap_bits(disk_size, b->entry.granularity_bits);

    if (!p->rewritten) {
        if (bitmap_is_inconsistent(b) || bits == b->set.count)
            return 0;
        b->tail_is_stale = true;
        return dirty_bits_resize(&b->set, bits);
    }
    b->tail_is_stale = false;
    b->entry.table_offset = p->table_offset;
    b->entry.table_size = p->table_size;
    free(b->table);
    b->table = RELEASE(p->table);
    dirty_bits_destroy(&b->set);
    b->set = p->set;
    p->set = (struct dirty_bits){ 0 };
    return 0;
}

static void adopt_list(struct bitmaps *bitmaps, struct bitmap_change *c)
{
    for (uint32_t i = 0; i < bitmaps->count; i++)
        if (!bitmaps->list[i]->stays)
            bitmap_free(bitmaps->list[i]);
    free(bitmaps->list);
    bitmaps->list = RELEASE(c->list);
    bitmaps->count = c->count;
    atomic_store(&bitmaps->in_use, c->in_use);
    bitmaps_update_tracking(bitmaps);
}

static int adopt(struct qcow2_image *image, struct bitmap_change *c)
{
    struct tables *t = &image->tables;

    for (uint32_t i = 0; i < c->count; i++)
        if (adopt_place(c->list[i], &c->places[i], c->disk_size) == -1)
            return -1;
    adopt_list(&image->bitmaps, c);
    if (c->disk_size > c->old_disk_size &&
        bitmaps_note(image, c->disk_size - c->old_disk_size, c->old_disk_size) == -1)
        return -1;
    for (size_t i = 0; i < c->old.count; i++)
        if (tree_release(t, c->old.items[i], t->geometry.cluster_size) == -1)
            return -1;
    return image_map_bitmaps(image);
}

int bitmap_change_adopt(struct qcow2_image *image, struct bitmap_change *c)
{
    int r = adopt(image, c);

    free_change(c);
    return r == -1 ? tables_fail(&image->tables) : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Putting it into force
 */

/* Takes the change over.  header: what else changes; left empty. */
static int put_into_force(struct qcow2_image *image, struct bitmap_change *c, struct header *header)
{
    struct tables *t = &image->tables;
    int r = tables_flush(t);

    bitmap_change_describe(c, header);
    if (r == 0)
        r = header_update(t, header);
    header_destroy(header);
    if (r == 0)
        return bitmap_change_adopt(image, c);
    bitmap_change_abandon(image, c);
    return -1;
}

static int store(struct qcow2_image *image, struct bitmap **list, uint32_t count, bool in_use)
{
    const struct header *h = &image->tables.header;
    struct bitmap_change *c = bitmap_change_new(image, list, count, h->size, in_use);
    struct header header;

    if (c == NULL)
        return -1;
    if (header_copy(&header, h) == 0)
        return put_into_force(image, c, &header);
    bitmap_change_abandon(image, c);
    return -1;
}

int bitmaps_store(struct qcow2_image *image, struct bitmap **list, uint32_t count)
{
    if (store(image, list, count, atomic_load(&image->bitmaps.in_use)) == -1)
        return -1;
    return tables_settle_afterwards(&image->tables);
}

int bitmaps_settle(struct qcow2_image *image)
{
    struct bitmap **list;

    if (!atomic_load(&image->bitmaps.in_use))
        return 0;
    list = bitmaps_copy_list(&image->bitmaps, 0);
    return list ? store(image, list, image->bitmaps.count, false) : -1;
}

int bitmaps_drop_stale(struct qcow2_image *image)
{
    struct tables *t = &image->tables;
    struct header header;
    int r;

    if (!t->header.has_bitmaps || header_has_valid_bitmaps(&t->header))
        return 0;
    if (header_copy(&header, &t->header) == -1)
        return -1;
    header.has_bitmaps = false;
    r = header_update(t, &header);
    header_destroy(&header);
    return r;
}

int bitmaps_switch_l1(struct qcow2_image *image, uint64_t size, uint64_t l1_table_offset,
                      uint32_t l1_size)
{
    struct tables *t = &image->tables;
    struct bitmap **list;
    struct bitmap_change *c;
    struct header header;

    if (size == t->header.size || image->bitmaps.count == 0)
        return l1_switch(t, size, l1_table_offset, l1_size);
    list = bitmaps_copy_list(&image->bitmaps, 0);
    if (list == NULL)
        return -1;
    c = bitmap_change_new(image, list, image->bitmaps.count, size,
                          atomic_load(&image->bitmaps.in_use));
    if (c == NULL)
        return -1;
    if (header_copy(&header, &t->header) == -1) {
        bitmap_change_abandon(image, c);
        return -1;
    }
    header.size = size;
    header.l1_table_offset = l1_table_offset;
    header.l1_size = l1_size;
    return put_into_force(image, c, &header);
}
