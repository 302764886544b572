/* SPDX-License-Identifier: BSD-3-Clause */
/* image.h - an open image: its file, its tables, its disk, its chain
 *
 * Locks: operations takes guest requests in shared and structural operations (snapshots, resizing,
 * checking) alone.  It is taken before any lock of the rooms below, and of two images' the
 * overlay's before that of what lies below it (of different chains, as image_bitmap_merge says).
 * Members are constant while the image is open unless they say otherwise.
 */

#ifndef QCOW2_IMAGE_IMAGE_H
#define QCOW2_IMAGE_IMAGE_H

#include <pthread.h>

#include "base/error.h"
#include "format/qcow1.h"
#include "format/snapshot_table.h"
#include "guest/disk.h"
#include "image/bitmap.h"
#include "image/options.h"
#include "image/told.h"
#include "table/tables.h"

/* May clusters that hold data be holes of the file (holes.c)? */
enum holes { HOLES_UNKNOWN, HOLES_NO, HOLES_YES };

struct clusters;
struct luks_volume;

struct qcow2_image {
    char *filename;
    char *name; /* to be shown; NULL: the file's */
    enum image_format format;
    uint32_t flags; /* QCOW2_OPEN_... */
    struct store *store;
    bool store_lent;          /* it is not the image's to close */
    struct store *data_store; /* the external data file; NULL: none, or not opened */
    bool data_store_lent;     /* it is not the image's to close */
    atomic_int holes;         /* enum holes: found out when it is first asked for */
    struct disk *disk;        /* NULL with QCOW2_OPEN_NO_IO */
    struct disk *vm_state;    /* qcow2: the addresses behind the disk (vm_state.c); NULL: as disk */
    bool tables_open;
    struct tables tables;            /* qcow2 only */
    struct luks_volume *luks;        /* the encryption header; NULL: none, or not looked at */
    struct store *crypt;             /* what is behind it, in plain text; NULL: not unlocked */
    uint64_t locked_size;            /* bytes; of the disk of a LUKS volume opened without I/O */
    struct snapshot_table snapshots; /* changed with operations held alone */
    char *snapshots_lost;            /* why the file does not hold their table, or NULL: then the
                                        image is read-only */
    struct qcow1_header qcow1;       /* qcow, version 1, only; so is the next */
    char *qcow1_backing_file;        /* as recorded; NULL: none */
    struct bitmaps bitmaps;
    struct qcow2_image *backing;
    char *full_backing_file;           /* the recorded name, resolved; NULL: none */
    struct told told;                  /* names that info.c has handed out */
    const struct qcow2_image *overlay; /* the image that this one backs; NULL: the top */
    pthread_rwlock_t operations;
};

static inline bool image_read_only(const struct qcow2_image *image)
{
    return image->flags & QCOW2_OPEN_READ_ONLY;
}

/* operations held. */
static inline uint64_t image_size(const struct qcow2_image *image)
{
    if (image->disk)
        return image->disk->size;
    if (image->tables_open)
        return image->tables.header.size;
    return image->format == FORMAT_QCOW1 ? image->qcow1.size : image->locked_size;
}

/* Do the guest's data lie encrypted? */
static inline bool image_is_encrypted(const struct qcow2_image *image)
{
    return image->format == FORMAT_LUKS || image->qcow1.crypt_method != CRYPT_NONE ||
           (image->tables_open && image->tables.header.crypt_method != CRYPT_NONE);
}

/* The backing file's name as the image records it; NULL: none. */
static inline const char *image_backing_file(const struct qcow2_image *image)
{
    return image->tables_open ? image->tables.header.backing_file : image->qcow1_backing_file;
}

/* Put "Could not open 'x': " before this thread's error; returns -1. */
static inline int image_could_not_open(const char *filename)
{
    return error_prefix("Could not open '%s': ", filename);
}

/* ---- open.c ---- */

struct qcow2_image *image_open(const char *filename, const struct qcow2_open_options *options);
/* On a store that the image takes over (and closes, also when opening fails), unless it is lent. */
struct qcow2_image *image_open_store(struct store *store, const struct qcow2_open_options *options);
int image_close(struct qcow2_image *image);
/* Is this a qcow2 image that may be changed? */
int image_require_writable_qcow2(struct qcow2_image *image, const char *operation);

/* ---- probe.c ---- */

/* The format of what these options would open, whatever format they say. */
const char *image_probe(const char *filename, const struct qcow2_open_options *options);

/* ---- runtime.c ---- */

/* As the options say how the image behaves; nothing has been read but the header and the tables. */
int image_set_runtime(struct qcow2_image *image, const struct qcow2_open_options *options);

/* ---- open_qcow1.c ---- */

/* Open a qcow image of version 1 on the image's store. */
int image_open_qcow1(struct qcow2_image *image, const struct qcow2_open_options *options);

/* ---- chain.c ---- */

int image_open_backing(struct qcow2_image *image, const struct qcow2_open_options *options);

/* ---- io.c: guest requests, ranges checked ---- */

/* For who does not hold operations. */
uint64_t image_size_now(struct qcow2_image *image);
int image_read(struct qcow2_image *image, void *buf, size_t count, uint64_t offset);
int image_write(struct qcow2_image *image, const void *buf, size_t count, uint64_t offset,
                uint32_t flags);
int image_write_compressed(struct qcow2_image *image, const void *buf, size_t count,
                           uint64_t offset, uint32_t flags);
ssize_t image_compress(struct qcow2_image *image, const void *buf, size_t count, void *out);
int image_write_stream(struct qcow2_image *image, const void *stream, size_t size, uint64_t offset,
                       uint32_t flags);
int image_zero(struct qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags);
int image_discard(struct qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags);
int image_flush(struct qcow2_image *image);
int image_map(struct qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags,
              qcow2_extent_callback *callback, void *opaque);

/* ---- holes.c ---- */

/* 1 yes, 0 no, -1 error. */
int image_has_holes(struct qcow2_image *image);

/* ---- create.c ---- */

int image_create(const char *filename, const struct qcow2_create_options *options);
/* Write a new, empty qcow2 image into an empty store. */
int image_format_store(struct store *store, const struct qcow2_create_options *options);

/* ---- resize.c ---- */

int image_resize(struct qcow2_image *image, uint64_t size, uint32_t flags);
/* The same with operations held alone. */
int image_resize_locked(struct qcow2_image *image, uint64_t size, uint32_t flags);

/* ---- snapshot_list.c ---- */

/* Read the snapshot table that the header points to. */
int image_load_snapshots(struct qcow2_image *image);
/* Again, after it was changed by somebody else. */
int image_reload_snapshots(struct qcow2_image *image);
/* Put the snapshot table and the L1 tables of snapshots out of bounds for writes.  The tables' lock
 * is held exclusively, or nobody else knows the image. */
int image_map_snapshots(struct qcow2_image *image);
/* The index of a snapshot: an id is looked for first, then a name.  -1 with ENOENT. */
int64_t image_snapshot_find(const struct qcow2_image *image, const char *id_or_name);
/* The L1 table of a snapshot, in host byte order; an error if it lies beyond the end of the
 * file. */
uint64_t *image_snapshot_l1(struct qcow2_image *image, const struct snapshot *snapshot);
/* Show the disk as a snapshot has it.  Read-only images, while they are being opened. */
int image_show_snapshot(struct qcow2_image *image, const char *id_or_name);
/* The same of one that is open, by its place in the list. */
int image_snapshot_show(struct qcow2_image *image, uint32_t index);
int image_snapshot_list(struct qcow2_image *image, qcow2_snapshot_callback *callback, void *opaque);

/* ---- snapshot.c ---- */

/* Write a snapshot table, whose bytes are counted anew, into new clusters, which are not in force;
 * taken holds them, even after a failure. */
int image_write_snapshots(struct tables *tables, struct snapshot_table *table,
                          struct clusters *taken);

/* Now, without a VM state. */
int image_snapshot_create(struct qcow2_image *image, const char *name);
/* With all that is given but the id and the size of the disk. */
int image_snapshot_create_with(struct qcow2_image *image, const qcow2_snapshot *given);
int image_snapshot_apply(struct qcow2_image *image, const char *id_or_name);
int image_snapshot_delete(struct qcow2_image *image, const char *id_or_name);

/* ---- amend.c ---- */

int image_amend(struct qcow2_image *image, const struct qcow2_amend_options *options,
                qcow2_progress_callback *progress, void *opaque);

/* ---- bitmap_ops.c ---- */

/* granularity 0: a default; flags: QCOW2_BITMAP_ENABLED or 0. */
int image_bitmap_add(struct qcow2_image *image, const char *name, uint64_t granularity,
                     uint32_t flags);
int image_bitmap_remove(struct qcow2_image *image, const char *name);
int image_bitmap_clear(struct qcow2_image *image, const char *name);
int image_bitmap_enable(struct qcow2_image *image, const char *name, bool enable);
int image_bitmap_list(struct qcow2_image *image, qcow2_bitmap_callback *callback, void *opaque);
/* Bytes that the bitmaps take at most in an image with clusters of that size. */
int image_bitmap_measure(struct qcow2_image *image, uint64_t cluster_size, uint64_t *bytes);

/* ---- bitmap_extents.c ---- */

int image_bitmap_extents(struct qcow2_image *image, const char *name, uint64_t count,
                         uint64_t offset, qcow2_bitmap_extent_callback *callback, void *opaque);
int image_bitmap_merge(struct qcow2_image *target, const char *name, struct qcow2_image *source,
                       const char *source_name);

/* ---- rebase.c ---- */

int image_rebase(struct qcow2_image *image, const char *backing_file, const char *backing_format,
                 struct qcow2_image *new_backing, uint32_t flags, qcow2_progress_callback *progress,
                 void *opaque);

/* ---- commit.c ---- */

int image_commit(struct qcow2_image *image, unsigned depth, uint64_t rate_limit, uint32_t flags,
                 qcow2_progress_callback *progress, void *opaque);

/* ---- measure.c ---- */

int image_measure(const struct qcow2_create_options *options, struct qcow2_image *source,
                  qcow2_measurement *measurement);

/* Is every cluster of a new image allocated from the beginning?  Who reads a raw data file without
 * its image must find what the image says. */
bool image_maps_all(const struct qcow2_create_options *options);
/* How many clusters its refcount table needs to have room for the whole file, as it is created or
 * as long as it is expected to become. */
uint32_t image_refcount_table_clusters(const struct qcow2_create_options *options);

/* ---- info.c ---- */

int image_info(struct qcow2_image *image, qcow2_info *info);
int image_encryption(struct qcow2_image *image, qcow2_encryption *encryption);

#endif
