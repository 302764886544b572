/* SPDX-License-Identifier: BSD-3-Clause */
/* amend.c - another version, refcount width, size, data file name or password for an existing image
 *
 * Everything but the size comes into force by one write of the header (table/header_update.c). What
 * it needs is made before, beside what is in force:
 *
 *     to version 3    a snapshot table whose entries have the extra data that version 3 demands
 *     to version 2    zero clusters turned into what version 2 has, in all trees; the guest sees no
 *                     difference, and neither does version 3
 *     refcount width  all refcounts once more (table/refcount_width.c)
 *
 * A cut leaves the image as it was or as it will be, with leaked clusters at worst.  The size has
 * an instant of its own, after the others or, when the version goes down, before them: version 2
 * with snapshots cannot be resized.  So has each key slot, after everything else (keyslots.c).
 * What can be refused is refused before anything changes, by check().
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "guest/guest.h"
#include "image/data_file.h"
#include "image/keyslots.h"
#include "image/named.h"
#include "image/progress.h"
#include "image/size.h"
#include "image/uses.h"
#include "table/clusters.h"
#include "table/expand_zeroes.h"
#include "table/flush.h"
#include "table/header_update.h"
#include "table/refcount_width.h"

struct amendment {
    struct qcow2_image *image;
    const struct qcow2_amend_options *options;
    uint32_t version;
    uint32_t refcount_order;
    uint64_t size;
    struct progress progress;
    struct keyslot_plan keyslots;

    struct header header;            /* to be put into force */
    uint64_t snapshots_offset;       /* of a new snapshot table; 0: none */
    uint64_t old_snapshots_bytes;    /* of the table in force */
    struct refcount_width refcounts; /* new ones; no table: none */
    struct bitmap_change *bitmaps;   /* none are left; NULL: they stay */
};

static bool is_upgrade(const struct amendment *a)
{
    return a->version > a->image->tables.header.version;
}

static bool is_downgrade(const struct amendment *a)
{
    return a->version < a->image->tables.header.version;
}

static int step(void *opaque)
{
    return progress_add(&((struct amendment *)opaque)->progress, 1);
}

/* ------------------------------------------------------------------------------------------------
 * Every tree of the image
 */

typedef int tree_visitor(struct amendment *a, const struct tree *tree, bool active);

/* Until a visit returns something else than 0. */
static int for_each_tree(struct amendment *a, tree_visitor *visit)
{
    struct tables *t = &a->image->tables;
    const struct tree active = { t->l1, t->l1_size };
    int r = visit(a, &active, true);

    for (uint32_t i = 0; i < a->image->snapshots.count && r == 0; i++) {
        const struct snapshot *s = &a->image->snapshots.entries[i];
        CLEANUP_FREE uint64_t *l1 = image_snapshot_l1(a->image, s);
        const struct tree tree = { l1, s->l1_size };

        r = l1 ? visit(a, &tree, false) : -1;
    }
    return r;
}

static int has_compressed(struct amendment *a, const struct tree *tree, bool active)
{
    (void)active;
    return tree_has_compressed(&a->image->tables, tree);
}

/* Its L1 table is there. */
static int is_readable(struct amendment *a, const struct tree *tree, bool active)
{
    (void)a;
    (void)tree;
    (void)active;
    return 0;
}

static int expand_zeroes(struct amendment *a, const struct tree *tree, bool active)
{
    const struct expansion expansion = {
        .tree = tree,
        .active = active,
        .size = a->image->disk->size, /* that of the snapshots, too */
        .has_backing = a->image->full_backing_file || a->image->disk->backing,
        .step = step,
        .opaque = a,
    };

    return tree_expand_zeroes(&a->image->tables, &expansion);
}

/* ------------------------------------------------------------------------------------------------
 * Refusals
 */

/* The file need not be there yet, but is never one that could not be opened as a data file. */
static int check_data_file(const struct amendment *a)
{
    struct qcow2_image *image = a->image;
    const char *name = a->options->data_file;
    CLEANUP_FREE char *path = NULL;
    struct stat st;

    if (!(image->tables.header.incompatible_features & INCOMPATIBLE_DATA_FILE))
        return error_set(EINVAL, "data-file can only be set for images that use an external data "
                                 "file");
    if (name[0] == '\0') /* none is recorded */
        return 0;
    if (!named_is_file(name) || strcmp(name, "file:") == 0)
        return error_set(ENOTSUP, "The data file '%s' is not a plain file name", name);
    path = image_find_data_file(image, name);
    if (path == NULL)
        return -1;
    if (stat(path, &st) == -1)
        return 0;
    if (store_is_file(image->store, &st))
        return error_set(EINVAL, "The data file '%s' is the image itself", name);
    if (image->backing && image_uses_file(image->backing, &st))
        return error_set(EINVAL,
                         "The data file '%s' is a backing file of the image, or its data "
                         "file",
                         name);
    return 0;
}

static int check_names(const struct amendment *a)
{
    const struct header *h = &a->image->tables.header;
    const struct qcow2_amend_options *o = a->options;

    if ((o->backing_file || o->backing_format) &&
        (!text_same(o->backing_file, h->backing_file) ||
         !text_same(o->backing_format, h->backing_format)))
        return error_set(EXDEV, "Cannot amend the backing file");
    if (o->data_file && check_data_file(a) == -1)
        return -1;
    if (o->data_file_raw == AMEND_ON && !(h->autoclear_features & AUTOCLEAR_RAW_DATA_FILE))
        return error_set(EINVAL, "data-file-raw cannot be set on existing images");
    return 0;
}

static int check_keyslots(struct amendment *a)
{
    const struct qcow2_amend_options *o = a->options;
    uint32_t method = a->image->tables.header.crypt_method;

    if (!keyslots_asked(&o->keyslots))
        return 0;
    if (method == CRYPT_NONE)
        return error_set(EINVAL, "Can't amend encryption options - encryption not present");
    if (method != CRYPT_LUKS)
        return error_set(ENOTSUP, "Only LUKS encryption options can be amended");
    return keyslots_plan(a->image, &o->keyslots, o->flags & QCOW2_AMEND_FORCE, &a->keyslots);
}

static int check_size(const struct amendment *a)
{
    const struct header *h = &a->image->tables.header;

    /* the size changes while the version is the higher of the two */
    return a->size == h->size ? 0
                              : image_check_size(a->image, a->size,
                                                 is_downgrade(a) ? h->version : a->version, false);
}

static int check_version_2(const struct amendment *a)
{
    const struct header *h = &a->image->tables.header;

    if (a->version >= 3)
        return 0;
    if (a->refcount_order != 4 && a->refcount_order != h->geometry.refcount_order)
        return error_set(EINVAL, "Refcount widths other than 16 bits require compatibility level "
                                 "1.1 or above (use compat=1.1 or greater)");
    if (a->options->lazy_refcounts == AMEND_ON)
        return error_set(EINVAL, "Lazy refcounts only supported with compatibility level 1.1 and "
                                 "above (use compat=1.1 or greater)");
    if (a->refcount_order != 4)
        return error_set(ENOTSUP, "compat=0.10 requires refcount_bits=16");
    return 0;
}

static int check_compression(struct amendment *a)
{
    int r = a->image->tables.header.compression_type == COMPRESSION_DEFLATE
                ? 0
                : for_each_tree(a, has_compressed);

    return r == 1 ? error_set(ENOTSUP, "Cannot downgrade an image with zstd compression type and "
                                       "existing compressed clusters")
                  : r;
}

static int check_downgrade(struct amendment *a)
{
    const uint64_t possible = INCOMPATIBLE_DIRTY | INCOMPATIBLE_COMPRESSION;
    const struct header *h = &a->image->tables.header;

    if (!is_downgrade(a))
        return 0;
    if (h->incompatible_features & INCOMPATIBLE_DATA_FILE)
        return error_set(ENOTSUP, "Cannot downgrade an image with a data file");
    for (uint32_t i = 0; i < a->image->snapshots.count; i++) {
        const struct snapshot *s = &a->image->snapshots.entries[i];

        if (s->vm_state_size > UINT32_MAX || s->disk_size != a->size)
            return error_set(ENOTSUP, "Internal snapshots prevent downgrade of image");
    }
    if (h->incompatible_features & ~possible)
        return error_set(ENOTSUP,
                         "Cannot downgrade an image with incompatible features 0x%" PRIx64 " set",
                         h->incompatible_features & ~possible);
    return for_each_tree(a, is_readable) == -1 ? -1 : check_compression(a);
}

static int check_refcounts(const struct amendment *a)
{
    struct tables *t = &a->image->tables;

    return a->refcount_order == t->geometry.refcount_order
               ? 0
               : refcount_width_fits(t, a->refcount_order);
}

/* ------------------------------------------------------------------------------------------------
 * What the new header needs
 */

/* Entries with less extra data than version 3 demands get all that is known. */
static int complete_extra(struct snapshot *s)
{
    return s->extra_size >= SNAPSHOT_EXTRA_MIN_V3 ? 0 : snapshot_complete_extra(s);
}

static int prepare_upgrade(struct amendment *a)
{
    struct snapshot_table *snapshots = &a->image->snapshots;
    CLEANUP_CLUSTERS struct clusters taken = { 0 };
    bool complete = true;

    for (uint32_t i = 0; i < snapshots->count; i++) {
        complete = complete && snapshots->entries[i].extra_size >= SNAPSHOT_EXTRA_MIN_V3;
        if (complete_extra(&snapshots->entries[i]) == -1)
            return -1;
    }
    /* an amendment that failed may have completed them in memory already */
    if ((!complete || snapshot_table_encoded_size(snapshots) != a->old_snapshots_bytes) &&
        image_write_snapshots(&a->image->tables, snapshots, &taken) == -1)
        return -1;
    a->snapshots_offset = clusters_keep(&taken);
    if (a->snapshots_offset != 0)
        a->header.snapshots_offset = a->snapshots_offset;
    return 0;
}

/* Version 2 has no bit that would say that they are up to date. */
static int prepare_without_bitmaps(struct amendment *a)
{
    struct bitmap **none;

    if (a->image->bitmaps.count == 0)
        return 0;
    none = calloc(1, sizeof none[0]);
    if (none == NULL)
        return error_no_memory(), -1;
    a->bitmaps = bitmap_change_new(a->image, none, 0, a->image->disk->size, false);
    if (a->bitmaps == NULL)
        return -1;
    bitmap_change_describe(a->bitmaps, &a->header);
    return 0;
}

static int prepare_downgrade(struct amendment *a)
{
    return for_each_tree(a, expand_zeroes) == -1 ? -1 : prepare_without_bitmaps(a);
}

static int prepare_refcounts(struct amendment *a)
{
    struct tables *t = &a->image->tables;
    struct refcount_width *new = &a->refcounts;

    if (a->refcount_order == t->geometry.refcount_order)
        return 0;
    if (refcount_width_build(t, a->refcount_order, new, step, a) == -1)
        return -1;
    a->header.geometry = new->geometry;
    a->header.refcount_table_offset = new->table_offset;
    a->header.refcount_table_clusters = (uint32_t)(new->table_bytes >> t->geometry.cluster_bits);
    return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The new header
 */

static void set_switch(uint64_t *features, uint64_t bit, enum amend_switch value)
{
    if (value == AMEND_ON)
        *features |= bit;
    else if (value == AMEND_OFF)
        *features &= ~bit;
}

static void set_version(struct amendment *a)
{
    struct header *h = &a->header;

    h->version = a->version;
    if (!is_downgrade(a))
        return;
    h->incompatible_features = h->compatible_features = h->autoclear_features = 0;
    h->compression_type = COMPRESSION_DEFLATE;
    h->has_bitmaps = false;
    free(h->unknown_fields.data);
    h->unknown_fields = (struct header_bytes){ 0 };
}

/* All that does not depend on what is made for it. */
static int draft_header(struct amendment *a)
{
    const struct qcow2_amend_options *o = a->options;
    struct header *h = &a->header;

    if (header_copy(h, &a->image->tables.header) == -1)
        return -1;

    set_switch(&h->compatible_features, COMPATIBLE_LAZY_REFCOUNTS, o->lazy_refcounts);
    set_switch(&h->autoclear_features, AUTOCLEAR_RAW_DATA_FILE, o->data_file_raw);
    set_version(a);
    if (o->data_file == NULL)
        return 0;
    free(h->data_file);
    h->data_file = *o->data_file ? named_place(a->image, o->data_file) : NULL; /* without "file:" */
    return *o->data_file && h->data_file == NULL ? -1 : 0;
}

static bool changes_header(const struct amendment *a)
{
    const struct header *h = &a->image->tables.header;
    const struct qcow2_amend_options *o = a->options;

    return a->version != h->version || a->refcount_order != h->geometry.refcount_order ||
           o->lazy_refcounts != AMEND_AS_IT_IS || o->data_file != NULL ||
           o->data_file_raw != AMEND_AS_IT_IS;
}

/* Is there room for it? */
static int check_header(struct amendment *a)
{
    int r = -1;

    if (!changes_header(a))
        return 0;
    if (draft_header(a) == 0)
        r = header_update_fits(&a->image->tables, &a->header);
    header_destroy(&a->header);
    a->header = (struct header){ 0 };
    return r;
}

static int check(struct amendment *a)
{
    if (check_names(a) == -1 || check_size(a) == -1 || check_version_2(a) == -1 ||
        tables_settle(&a->image->tables) == -1 || check_downgrade(a) == -1 ||
        check_refcounts(a) == -1 || check_header(a) == -1)
        return -1;
    return check_keyslots(a);
}

static int prepare(struct amendment *a)
{
    if (draft_header(a) == -1 || (is_upgrade(a) && prepare_upgrade(a) == -1) ||
        (is_downgrade(a) && prepare_downgrade(a) == -1))
        return -1;
    return prepare_refcounts(a);
}

/* ------------------------------------------------------------------------------------------------
 * The instant, and what comes before and after
 */

/* The header in force needs none of it. */
static int abandon(struct amendment *a)
{
    struct tables *t = &a->image->tables;
    struct error error;

    error_save(&error);
    if (a->bitmaps != NULL)
        bitmap_change_abandon(a->image, a->bitmaps);
    if (a->snapshots_offset != 0 && tables_usable(t) == 0)
        tree_release(t, a->snapshots_offset, a->image->snapshots.bytes);
    a->image->snapshots.bytes = a->old_snapshots_bytes;
    if (a->refcounts.table)
        refcount_width_abandon(t, &a->refcounts);
    if (tables_usable(t) == 0)
        tables_settle(t);
    return error_restore(&error);
}

/* The new header is in force. */
static int adopt(struct amendment *a, uint64_t old_snapshots_offset)
{
    struct tables *t = &a->image->tables;

    if (a->options->lazy_refcounts != AMEND_AS_IT_IS || t->header.version < 3)
        t->lazy_refcounts = t->header.compatible_features & COMPATIBLE_LAZY_REFCOUNTS;
    if (a->refcounts.table && refcount_width_adopt(t, &a->refcounts) == -1)
        return -1;
    if (a->bitmaps != NULL && bitmap_change_adopt(a->image, a->bitmaps) == -1)
        return -1;
    if (a->snapshots_offset != 0) {
        WRITE_SCOPE(&t->lock);
        if (image_map_snapshots(a->image) == -1)
            return tables_fail(t);
    }
    if (a->snapshots_offset != 0 &&
        tree_release(t, old_snapshots_offset, a->old_snapshots_bytes) == -1)
        return tables_fail(t);
    if (guest_disk_change_codec(a->image->disk) == -1 ||
        guest_disk_change_codec(a->image->vm_state) == -1)
        return tables_fail(t);
    return tables_settle_afterwards(t);
}

static int change_header(struct amendment *a)
{
    uint64_t old_snapshots_offset = a->image->tables.header.snapshots_offset;

    a->old_snapshots_bytes = a->image->snapshots.bytes;
    if (tables_settle(&a->image->tables) == -1)
        return -1;
    if (prepare(a) == -1 || tables_flush(&a->image->tables) == -1 ||
        header_update(&a->image->tables, &a->header) == -1)
        return abandon(a);
    return adopt(a, old_snapshots_offset);
}

static int change_size(struct amendment *a)
{
    return a->size == a->image->disk->size
               ? 0
               : image_resize_locked(a->image, a->size, QCOW2_RESIZE_SHRINK);
}

static int apply(struct amendment *a)
{
    bool size_first = is_downgrade(a);

    if (check(a) == -1 || (size_first && change_size(a) == -1) ||
        (changes_header(a) && change_header(a) == -1) || (!size_first && change_size(a) == -1))
        return -1;
    return keyslots_apply(a->image, &a->options->keyslots, &a->keyslots);
}

/* L1 entries that an expansion looks at, refcount blocks that are allocated, looked for again and
 * written. */
static uint64_t estimate(const struct amendment *a)
{
    const struct tables *t = &a->image->tables;
    uint64_t total = 1;

    if (is_downgrade(a)) {
        total += t->l1_size;
        for (uint32_t i = 0; i < a->image->snapshots.count; i++)
            total += a->image->snapshots.entries[i].l1_size;
    }
    if (a->refcount_order != t->geometry.refcount_order)
        total += 3 * (t->refcount_table_size << t->geometry.refcount_block_bits >>
                      (t->geometry.cluster_bits + 3 - a->refcount_order));
    return total;
}

/* A LUKS volume has key slots, and nothing else to change. */
static int amend_volume(struct qcow2_image *image, const struct qcow2_amend_options *o,
                        struct progress *progress)
{
    struct keyslot_plan plan;

    if (o->version || o->refcount_bits || o->lazy_refcounts != AMEND_AS_IT_IS || o->has_size ||
        o->backing_file || o->backing_format || o->data_file || o->data_file_raw != AMEND_AS_IT_IS)
        return error_set(ENOTSUP, "Only the key slots of a luks image can be amended");
    if (image_read_only(image) || image->disk == NULL)
        return error_set(image_read_only(image) ? EROFS : EINVAL,
                         "Amending is not possible: '%s' is not open for writing", image->filename);
    if (keyslots_plan(image, &o->keyslots, o->flags & QCOW2_AMEND_FORCE, &plan) == -1 ||
        keyslots_apply(image, &o->keyslots, &plan) == -1)
        return -1;
    progress_end(progress);
    return 0;
}

int image_amend(struct qcow2_image *image, const struct qcow2_amend_options *o,
                qcow2_progress_callback *progress, void *opaque)
{
    struct amendment a = { .image = image, .options = o };
    int r;
    WRITE_SCOPE(&image->operations);

    if (image->format == FORMAT_LUKS)
        return amend_volume(image, o, &(struct progress){ progress, opaque, 0, 1 });
    if (image_require_writable_qcow2(image, "Amending") == -1)
        return -1;
    a.version = o->version ? o->version : image->tables.header.version;
    a.refcount_order = o->refcount_bits ? (uint32_t)__builtin_ctz(o->refcount_bits)
                                        : image->tables.geometry.refcount_order;
    a.size = o->has_size ? o->size : image->tables.header.size;
    a.progress = (struct progress){ progress, opaque, 0, estimate(&a) };
    r = apply(&a);
    header_destroy(&a.header);
    if (r == 0)
        progress_end(&a.progress);
    return r;
}
