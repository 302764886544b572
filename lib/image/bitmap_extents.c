/* SPDX-License-Identifier: BSD-3-Clause */
/* bitmap_extents.c - reading bitmaps: where a disk is dirty, and merging that into another bitmap
 *
 * A bitmap is read one cluster of bits at a time.  For a caller's own eyes the image is locked for
 * that long only; a bitmap whose bits are set meanwhile shows some of them.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/bitmap.h"
#include "image/image.h"

/* ------------------------------------------------------------------------------------------------
 * Runs of equal bits
 */

typedef int run_visitor(void *opaque, uint64_t first, uint64_t end, bool set);

/* Neighbours that are equal are one run. */
struct runs {
    run_visitor *visit;
    void *opaque;
    uint64_t first; /* of the run that has not been told yet */
    uint64_t end;   /* first: there is none */
    bool set;
};

static int runs_end(struct runs *runs)
{
    uint64_t first = runs->first;

    runs->first = runs->end;
    return first < runs->end ? runs->visit(runs->opaque, first, runs->end, runs->set) : 0;
}

/* The next run begins where the last one ended. */
static int runs_add(struct runs *runs, uint64_t end, bool set)
{
    int r = 0;

    if (set != runs->set)
        r = runs_end(runs);
    runs->end = end;
    runs->set = set;
    return r;
}

/* How far from a bit on, which is set or not, the others are equal. */
static uint64_t run_end(const uint8_t *buf, uint64_t at, uint64_t end, bool set)
{
    while (at < end) {
        uint64_t word = 0;

        if (at % 64 == 0 && end - at >= 64) {
            memcpy(&word, buf + at / 8, sizeof word);
            if (word == (set ? UINT64_MAX : 0)) {
                at += 64;
                continue;
            }
        }
        if ((buf[at / 8] >> at % 8 & 1) != set)
            break;
        at++;
    }
    return at;
}

/* ------------------------------------------------------------------------------------------------
 * One cluster of bits
 */

struct piece {
    uint64_t first; /* bits */
    uint64_t end;
    bool uniform; /* all are as set says */
    bool set;
    uint8_t *buf; /* a cluster */
};

/* The cluster of bits in which a bit is.  operations held. */
static int read_piece(struct qcow2_image *image, const struct bitmap *b, uint64_t bit,
                      struct piece *p)
{
    uint64_t size = image->tables.geometry.cluster_size, index = bit / (size * 8);

    p->first = index * size * 8;
    p->end = min_u64(p->first + size * 8, b->set.count);
    p->uniform = bitmap_cluster_is_uniform(b, index, size, &p->set);
    return p->uniform ? 0 : bitmap_read_cluster(image, b, index, b->set.count, p->buf);
}

/* The bits [from, to) of the piece. */
static int add_piece(struct runs *runs, const struct piece *p, uint64_t from, uint64_t to)
{
    int r = 0;

    if (p->uniform)
        return runs_add(runs, to, p->set);
    for (uint64_t at = from - p->first; at < to - p->first && r == 0;) {
        bool set = p->buf[at / 8] >> at % 8 & 1;

        at = run_end(p->buf, at, to - p->first, set);
        r = runs_add(runs, p->first + at, set);
    }
    return r;
}

/* ------------------------------------------------------------------------------------------------
 * Extents
 */

/* A bitmap that can be read, its table in memory.  operations held alone. */
static struct bitmap *find_to_read(struct qcow2_image *image, const char *name)
{
    struct bitmap *b;

    if (image->format != FORMAT_QCOW2) {
        error_set(ENOENT, "Dirty bitmap '%s' not found", name);
        return NULL;
    }
    if (bitmaps_load(image, false) == -1)
        return NULL;
    b = bitmap_find(image, name);
    if (b == NULL || bitmap_refuse_inconsistent(b) == -1 || bitmap_load_table(image, b) == -1)
        return NULL;
    return b;
}

struct walk {
    qcow2_bitmap_extent_callback *callback;
    void *opaque;
    uint64_t offset; /* bytes of the guest's view */
    uint64_t end;
    uint32_t granularity_bits;
};

static int prepare(struct qcow2_image *image, const char *name, struct walk *w)
{
    const struct bitmap *b;
    uint64_t size;
    WRITE_SCOPE(&image->operations);

    b = find_to_read(image, name);
    if (b == NULL)
        return -1;
    size = image->tables.header.size;
    if (w->offset > w->end || w->end > size)
        return error_set(EINVAL,
                         "The range at offset 0x%" PRIx64 " of %" PRIu64
                         " bytes lies beyond the end of the disk '%s' (%" PRIu64 " bytes)",
                         w->offset, w->end - w->offset, image->filename, size);
    w->granularity_bits = b->entry.granularity_bits;
    return 0;
}

static int show_run(void *opaque, uint64_t first, uint64_t end, bool set)
{
    const struct walk *w = opaque;
    uint64_t from = max_u64(first << w->granularity_bits, w->offset);
    uint64_t to = min_u64(end << w->granularity_bits, w->end);

    return w->callback(w->opaque, from, to - from, set);
}

/* The bitmap may have gone since the last piece. */
static int read_named_piece(struct qcow2_image *image, const char *name, const struct walk *w,
                            uint64_t bit, struct piece *p)
{
    const struct bitmap *b;
    READ_SCOPE(&image->operations);

    b = bitmap_find(image, name);
    if (b == NULL)
        return -1;
    if (bit >= b->set.count || b->entry.granularity_bits != w->granularity_bits)
        return error_set(EAGAIN, "Bitmap '%s' of '%s' changed while it was read", name,
                         image->filename);
    return read_piece(image, b, bit, p);
}

static int walk(struct qcow2_image *image, const char *name, struct walk *w, struct piece *p)
{
    uint64_t at = w->offset >> w->granularity_bits;
    uint64_t end = bitmap_bits(w->end, w->granularity_bits);
    struct runs runs = { .visit = show_run, .opaque = w, .first = at, .end = at };
    int r = 0;

    while (at < end && r == 0) {
        uint64_t to;

        if (read_named_piece(image, name, w, at, p) == -1)
            return -1;
        to = min_u64(p->end, end);
        r = add_piece(&runs, p, at, to);
        at = to;
    }
    return r == 0 ? runs_end(&runs) : r;
}

int image_bitmap_extents(struct qcow2_image *image, const char *name, uint64_t count,
                         uint64_t offset, qcow2_bitmap_extent_callback *callback, void *opaque)
{
    struct walk w = { .callback = callback, .opaque = opaque, .offset = offset };
    CLEANUP_FREE uint8_t *buf = NULL;
    struct piece p;

    w.end = offset + count < offset ? UINT64_MAX : offset + count;
    if (prepare(image, name, &w) == -1)
        return -1;
    p.buf = buf = malloc(image->tables.geometry.cluster_size);
    if (buf == NULL)
        return error_no_memory(), -1;
    return walk(image, name, &w, &p);
}

/* ------------------------------------------------------------------------------------------------
 * Merging
 */

#define MERGING "Merging bitmaps"

struct merge {
    struct dirty_bits bits; /* of the target's granularity */
    uint32_t from_bits;     /* granularities */
    uint32_t to_bits;
    uint64_t size; /* of the disks */
};

static int merge_run(void *opaque, uint64_t first, uint64_t end, bool set)
{
    struct merge *m = opaque;
    uint64_t stop = min_u64(end << m->from_bits, m->size);

    if (!set)
        return 0;
    return dirty_bits_set(&m->bits, first << m->from_bits >> m->to_bits,
                          bitmap_bits(stop, m->to_bits));
}

/* Where the source is dirty.  Both images' operations held. */
static int collect(struct qcow2_image *source, const struct bitmap *from, struct merge *m)
{
    CLEANUP_FREE uint8_t *buf = malloc(source->tables.geometry.cluster_size);
    struct runs runs = { .visit = merge_run, .opaque = m };
    struct piece p = { .buf = buf };

    if (buf == NULL)
        return error_no_memory(), -1;
    for (uint64_t at = 0; at < from->set.count; at = p.end)
        if (read_piece(source, from, at, &p) == -1 || add_piece(&runs, &p, at, p.end) == -1)
            return -1;
    return runs_end(&runs);
}

static int check_sizes(const struct qcow2_image *target, const struct qcow2_image *source)
{
    uint64_t to = target->tables.header.size, from = source->tables.header.size;

    if (to == from)
        return 0;
    return error_set(EINVAL,
                     "Bitmaps are of different sizes (destination size is %" PRIu64
                     ", source size is %" PRIu64 ") and can't be merged",
                     to, from);
}

/* The bitmap gets these bits when they are stored, or keeps its own.  What it does not need is left
 * in set. */
static int store_set(struct qcow2_image *image, struct bitmap *b, struct dirty_bits *set)
{
    struct dirty_bits before = b->set;
    int r;

    b->set = *set;
    r = bitmaps_store_all(image);
    *set = r == 0 ? before : b->set;
    if (r == -1)
        b->set = before;
    return r;
}

/* Both images' operations held, the target's alone. */
static int merge_locked(struct qcow2_image *target, const char *name, struct qcow2_image *source,
                        const char *source_name)
{
    struct bitmap *to = bitmap_find_to_use(target, name, MERGING);
    const struct bitmap *from = to ? bitmap_find(source, source_name) : NULL;
    struct merge m;
    int r;

    if (from == NULL || check_sizes(target, source) == -1)
        return -1;
    m = (struct merge){ .from_bits = from->entry.granularity_bits,
                        .to_bits = to->entry.granularity_bits,
                        .size = target->tables.header.size };
    if (dirty_bits_init(&m.bits, to->set.count) == -1)
        return -1;
    r = collect(source, from, &m);
    if (r == 0)
        r = dirty_bits_add(&m.bits, &to->set);
    if (r == 0)
        r = store_set(target, to, &m.bits);
    dirty_bits_destroy(&m.bits);
    return r;
}

static int prepare_target(struct qcow2_image *target, const char *name)
{
    WRITE_SCOPE(&target->operations);

    return bitmap_find_to_use(target, name, MERGING) ? 0 : -1;
}

static int prepare_source(struct qcow2_image *source, const char *name)
{
    WRITE_SCOPE(&source->operations);

    return find_to_read(source, name) ? 0 : -1;
}

static const struct qcow2_image *top_of(const struct qcow2_image *image)
{
    while (image->overlay)
        image = image->overlay;
    return image;
}

static bool lies_below(const struct qcow2_image *image, const struct qcow2_image *other)
{
    while (image && image != other)
        image = image->overlay;
    return image != NULL;
}

/* So that nobody waits in a circle: chains in the order of their tops' addresses, and in a chain an
 * image before what lies below it. */
static bool is_locked_first(const struct qcow2_image *image, const struct qcow2_image *other)
{
    const struct qcow2_image *top = top_of(image), *others = top_of(other);

    return top == others ? lies_below(other, image) : (uintptr_t)top < (uintptr_t)others;
}

int image_bitmap_merge(struct qcow2_image *target, const char *name, struct qcow2_image *source,
                       const char *source_name)
{
    bool source_first = is_locked_first(source, target);
    int r;

    if (prepare_target(target, name) == -1 || prepare_source(source, source_name) == -1)
        return -1;
    if (source != target && source_first)
        pthread_rwlock_rdlock(&source->operations);
    pthread_rwlock_wrlock(&target->operations);
    if (source != target && !source_first)
        pthread_rwlock_rdlock(&source->operations);
    r = merge_locked(target, name, source, source_name);
    pthread_rwlock_unlock(&target->operations);
    if (source != target)
        pthread_rwlock_unlock(&source->operations);
    return r;
}
