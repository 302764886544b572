/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap.h - the persistent bitmaps of an open image
 *
 * A bitmap is what its table on disk says, and the bits set since ("set" below).  One that is
 * enabled gets a bit for each change that a guest could see.
 *
 *   on disk                          while the image is open for writing
 *   ------------------------------   -----------------------------------------------------------
 *   directory, tables, bits of       an enabled bitmap is marked as in use in the directory, which
 *   the last clean close             is durable before the first change; its bits gather in memory
 *
 * A program that does not get to close the image so leaves a bitmap that says of itself that it may
 * have missed something: it is inconsistent, and all that can be done with it is to remove it.
 *
 * Whatever changes directory or tables goes to new clusters, which are durable before one write of
 * the header puts them into force; then the old ones are released (bitmap_store.c).  Only the marks
 * are set in place: each is one byte, and the directory is valid with any of them set.
 *
 * Locking: list, tables and flags change with the image's operations held alone.  Bits are set with
 * operations held shared.
 */

#ifndef QCOW2_IMAGE_BITMAP_H
#define QCOW2_IMAGE_BITMAP_H

#include <pthread.h>

#include "format/bitmap_directory.h"
#include "image/dirty_bits.h"
#include "qcow2.h"
#include "table/tables.h"
#include "table/tree.h"

struct bitmap {
    struct bitmap_entry entry; /* as on disk but for the mark of an enabled one; IN_USE: it was
                                  found with the mark, and is inconsistent */
    uint64_t *table;           /* entry.table_size entries, validated; NULL: not read yet */
    struct dirty_bits set;     /* not in the table yet; none while the bitmap is inconsistent */
    bool tail_is_stale; /* the bits on disk may go on beyond the last one: the disk was resized */
    bool stays;         /* for a change of the list (bitmap_store.c) */
};

struct bitmaps {
    struct bitmap **list; /* in the order of the directory */
    uint32_t count;
    bool loaded;
    atomic_bool tracking; /* some bitmap is enabled: changes must be noted */
    atomic_bool in_use;   /* the enabled ones are marked on disk */
    pthread_mutex_t lock; /* serializes marking; taken before the tables' lock */
};

static inline bool bitmap_is_inconsistent(const struct bitmap *bitmap)
{
    return bitmap->entry.flags & BITMAP_IN_USE;
}

static inline bool bitmap_is_enabled(const struct bitmap *bitmap)
{
    return bitmap->entry.flags & BITMAP_AUTO;
}

/* Does a change of the guest's view set bits? */
static inline bool bitmap_tracks(const struct bitmap *bitmap)
{
    return bitmap_is_enabled(bitmap) && !bitmap_is_inconsistent(bitmap);
}

struct qcow2_image;

/* ---- bitmap.c: in memory ---- */

void bitmaps_init(struct bitmaps *bitmaps);
void bitmaps_destroy(struct bitmaps *bitmaps);
struct bitmap *bitmap_new(const char *name, uint32_t granularity_bits, uint64_t disk_size);
void bitmap_free(struct bitmap *bitmap);

/* A copy of the list with room for more; NULL with the error set. */
struct bitmap **bitmaps_copy_list(const struct bitmaps *bitmaps, uint32_t more);
bool bitmaps_hold(const struct bitmaps *bitmaps, const struct bitmap *bitmap);

/* Read the directory, and with tables those, too; once.  operations held alone. */
int bitmaps_load(struct qcow2_image *image, bool tables);
int bitmap_load_table(struct qcow2_image *image, struct bitmap *bitmap);
/* The same table for the caller to free, as it is on disk, nothing validated, and the length of the
 * file that its entries must lie in. */
uint64_t *bitmap_read_table(struct qcow2_image *image, const struct bitmap *bitmap,
                            uint64_t *length);
/* NULL with ENOENT. */
struct bitmap *bitmap_find(struct qcow2_image *image, const char *name);

/* Before a change of the guest's view: durably mark what will be written only when the image is
 * closed. */
int bitmaps_mark(struct qcow2_image *image);
/* ... and note the change.  Both operations held at least shared. */
int bitmaps_note(struct qcow2_image *image, uint64_t count, uint64_t offset);
/* Whether there is something to note may have changed. */
void bitmaps_update_tracking(struct bitmaps *bitmaps);

/* One cluster of bits, that of a table entry, as they are now; buf has a cluster.  Of the whole
 * bitmap, whose table has been read, only the first bits count, the others are 0. */
int bitmap_read_cluster(struct qcow2_image *image, const struct bitmap *bitmap, uint64_t index,
                        uint64_t bits, uint8_t *buf);
/* Are all bits of the cluster 0, or all 1, without a look at them?  1 yes, with *set, 0 not
 * known. */
int bitmap_cluster_is_uniform(const struct bitmap *bitmap, uint64_t index, uint64_t cluster_size,
                              bool *set);

/* The directory is out of bounds for writes.  Nobody else knows the image, or operations held
 * alone. */
int image_map_bitmaps(struct qcow2_image *image);

/* ---- bitmap_store.c: changing what is on disk ---- */

/* The directory that is to come. */
struct bitmap_change;

/* Write what the bitmaps of this list need on a disk of so many bytes.  Nothing is in force yet.
 * The list is an array that the change takes over; of its bitmaps, those that the image has not,
 * too, when it is in force.  With in_use the enabled ones keep their mark and what they have on
 * disk. */
struct bitmap_change *bitmap_change_new(struct qcow2_image *image, struct bitmap **list,
                                        uint32_t count, uint64_t disk_size, bool in_use);
/* The header that puts the change into force. */
void bitmap_change_describe(const struct bitmap_change *change, struct header *header);
/* It is in force. */
int bitmap_change_adopt(struct qcow2_image *image, struct bitmap_change *change);
/* It is not, and will not be. */
void bitmap_change_abandon(struct qcow2_image *image, struct bitmap_change *change);

/* Put this list of bitmaps into force, durably.  Frees or takes over the array. */
int bitmaps_store(struct qcow2_image *image, struct bitmap **list, uint32_t count);
/* Forget bitmaps that a program has left behind which did not know how to keep them up to date: the
 * extension goes.  Their clusters stay counted, as leaks: that program may have given them to
 * somebody else. */
int bitmaps_drop_stale(struct qcow2_image *image);
/* Put a size of the disk and an L1 table, all but the header durable, into force as l1_switch does,
 * with bitmaps for a disk of that size.  Enabled ones have been marked; what is added is dirty in
 * them. */
int bitmaps_switch_l1(struct qcow2_image *image, uint64_t size, uint64_t l1_table_offset,
                      uint32_t l1_size);
/* Before the image is closed: what was gathered in memory.  Takes the marks away. */
int bitmaps_settle(struct qcow2_image *image);

/* ---- bitmap_trees.c ---- */

/* Before one tree takes the other's place: note where, in the first bytes of the disk, they
 * differ. */
int bitmaps_note_trees(struct qcow2_image *image, const struct tree *old, const struct tree *new,
                       uint64_t size);

/* ---- bitmap_ops.c and bitmap_extents.c; operations held alone ---- */

/* -1 with the error set if the bits mean nothing. */
int bitmap_refuse_inconsistent(const struct bitmap *bitmap);
/* A consistent bitmap of an image that can be changed; NULL with the error set. */
struct bitmap *bitmap_find_to_use(struct qcow2_image *image, const char *name,
                                  const char *operation);
/* Put the image's bitmaps into force as they are now. */
int bitmaps_store_all(struct qcow2_image *image);

#endif
