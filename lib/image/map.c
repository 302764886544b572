/* SPDX-License-Identifier: BSD-3-Clause */
/* map.c - the extents of a range through the whole chain, for callers outside
 *
 * Extents that continue each other are merged before they are handed out, so that what a caller
 * sees does not depend on how plans happened to be cut.  They are gathered with the lock held and
 * handed out without it: the callback may use the image.
 */

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "image/image_store.h"

#define GATHERED 128

struct walk {
    bool shallow;
    bool damage;    /* what the tables do not tell is an extent, too */
    bool inside;    /* an image in whose disk a raw one lies: all of it is of the depth of that */
    uint64_t start; /* of the disk that is mapped, in the one that is walked */
    qcow2_extent extents[GATHERED];
    unsigned count;
    bool apart; /* the last one is not continued */
};

enum { WALK_DONE = 0, WALK_FULL = 1 };

static bool continues(const qcow2_extent *a, const qcow2_extent *b)
{
    return a->status == b->status && a->depth == b->depth &&
           a->guest_offset + a->length == b->guest_offset &&
           (!(a->status & QCOW2_EXTENT_OFFSET) || a->host_offset + a->length == b->host_offset);
}

static int add(struct walk *walk, const qcow2_extent *extent)
{
    qcow2_extent *last = walk->count ? &walk->extents[walk->count - 1] : NULL;
    qcow2_extent mapped = *extent;

    mapped.guest_offset -= walk->start;
    if (last != NULL && !walk->apart && continues(last, &mapped)) {
        last->length += mapped.length;
        return WALK_DONE;
    }
    if (walk->count == GATHERED)
        return WALK_FULL;
    walk->apart = false;
    walk->extents[walk->count++] = mapped;
    return WALK_DONE;
}

static uint32_t status_of(const struct extent *e)
{
    switch (e->kind) {
    case EXTENT_UNALLOCATED: return QCOW2_EXTENT_ZERO;
    case EXTENT_ZERO: return QCOW2_EXTENT_PRESENT | QCOW2_EXTENT_ZERO;
    case EXTENT_DATA: return QCOW2_EXTENT_PRESENT | QCOW2_EXTENT_DATA;
    case EXTENT_COMPRESSED:
        return QCOW2_EXTENT_PRESENT | QCOW2_EXTENT_DATA | QCOW2_EXTENT_COMPRESSED;
    }
    return 0;
}

/* What clusters lie in that are not compressed; of a raw image, the file. */
static const char *data_filename(const struct qcow2_image *image)
{
    if (image->format == FORMAT_RAW)
        return image->filename;
    return store_shown(image->data_store ? image->data_store : image->store);
}

static int add_extent(struct walk *walk, struct qcow2_image *image, uint32_t depth,
                      const struct extent *e)
{
    qcow2_extent out = {
        .guest_offset = e->guest_offset,
        .length = e->length,
        .status = status_of(e),
        .depth = depth,
    };

    if (e->dirty)
        out.status |= QCOW2_EXTENT_DIRTY;
    if (e->placed)
        out.status |= QCOW2_EXTENT_OFFSET;
    if (image_is_encrypted(image)) /* no plain bytes at that place */
        out.status &= ~QCOW2_EXTENT_OFFSET;
    if (out.status & QCOW2_EXTENT_OFFSET)
        out.host_offset = e->host_offset;
    if (out.status & QCOW2_EXTENT_PRESENT)
        out.filename = e->placed ? data_filename(image) : image->filename;
    return add(walk, &out);
}

/* Clusters that were preallocated and never written are holes of the file. */
static int add_sparse_data(struct walk *walk, struct qcow2_image *image, uint32_t depth,
                           const struct extent *e)
{
    for (uint64_t done = 0; done < e->length;) {
        struct store_extent at;
        qcow2_extent out = {
            .guest_offset = e->guest_offset + done,
            .status = status_of(e) | QCOW2_EXTENT_OFFSET,
            .depth = depth,
            .host_offset = e->host_offset + done,
            .filename = data_filename(image),
        };
        int r;

        if (store_extent_at(image->data_store ? image->data_store : image->store, e->length - done,
                            out.host_offset, &at) == -1)
            return -1;
        out.length = min_u64(at.length, e->length - done);
        out.status |= at.hole ? QCOW2_EXTENT_ZERO : 0;
        r = add(walk, &out);
        if (r != WALK_DONE)
            return r;
        done += out.length;
    }
    return WALK_DONE;
}

static int walk_image(struct walk *walk, struct qcow2_image *image, uint32_t depth, uint64_t count,
                      uint64_t offset);

/* What an image does not hold lies below, as far as the backing disk reaches. */
static int add_unallocated(struct walk *walk, struct qcow2_image *image, uint32_t depth,
                           const struct extent *e)
{
    struct qcow2_image *backing = walk->shallow && !walk->inside ? NULL : image->backing;
    uint64_t end = e->guest_offset + e->length;
    uint64_t below = backing ? min_u64(end, backing->disk->size) : 0;
    struct extent rest = *e;

    if (below > e->guest_offset) {
        int r = walk_image(walk, backing, walk->inside ? depth : depth + 1, below - e->guest_offset,
                           e->guest_offset);

        if (r != WALK_DONE)
            return r;
        rest.host_offset += e->host_offset ? below - e->guest_offset : 0;
        rest.guest_offset = below;
        rest.length = end - below;
    }
    return rest.length > 0 ? add_extent(walk, image, depth, &rest) : WALK_DONE;
}

static int refuse_missing(const struct qcow2_image *image)
{
    return error_set(EINVAL,
                     "The backing file of '%s' was not opened: only a shallow map is possible",
                     image->filename);
}

/* As far as its disk reaches: a raw disk ends with a whole sector. */
static int walk_below(struct walk *walk, struct qcow2_image *below, uint32_t depth, uint64_t count,
                      uint64_t offset)
{
    uint64_t size = below->disk->size;
    uint64_t there = offset < size ? min_u64(count, size - offset) : 0;
    struct extent rest = { EXTENT_UNALLOCATED, .guest_offset = offset + there,
                           .length = count - there };
    int r;

    if (below->disk->backing_missing)
        return refuse_missing(below);
    r = there > 0 ? walk_image(walk, below, depth, there, offset) : WALK_DONE;
    return r == WALK_DONE && rest.length > 0 ? add_extent(walk, below, depth, &rest) : r;
}

/* The disk of a raw image in another image's disk is mapped there, backing files and all. */
static int walk_through(struct walk *walk, struct qcow2_image *below, uint64_t start,
                        uint32_t depth, uint64_t count, uint64_t offset)
{
    bool inside = walk->inside;
    int r;
    READ_SCOPE(&below->operations);

    walk->inside = true;
    walk->start += start;
    r = walk_below(walk, below, depth, count, start + offset);
    walk->start -= start;
    walk->inside = inside;
    return r;
}

/* What could not be read is an extent of its own, whatever is damaged around it: whoever asks again
 * may be told. */
static int add_damaged(struct walk *walk, uint32_t depth, const struct plan *plan, uint64_t offset)
{
    const qcow2_extent out = {
        .guest_offset = offset,
        .length = plan->damaged,
        .status = QCOW2_EXTENT_DAMAGED,
        .depth = depth,
    };
    int r;

    walk->apart |= plan->unread;
    r = add(walk, &out);
    walk->apart |= plan->unread;
    return r;
}

static int add_planned(struct walk *walk, struct qcow2_image *image, uint32_t depth, bool holes,
                       const struct extent *e)
{
    if (e->kind == EXTENT_UNALLOCATED)
        return add_unallocated(walk, image, depth, e);
    if (e->kind == EXTENT_DATA && holes)
        return add_sparse_data(walk, image, depth, e);
    return add_extent(walk, image, depth, e);
}

static int walk_plans(struct walk *walk, struct qcow2_image *image, uint32_t depth, uint64_t count,
                      uint64_t offset)
{
    uint64_t end = offset + count;
    int holes = image_has_holes(image);

    if (holes == -1)
        return -1;
    while (offset < end) {
        struct plan plan;
        int r = disk_plan(image->disk, end - offset, offset, &plan);

        if (r == -1 && (!walk->damage || plan.damaged == 0))
            return -1;
        if (r == -1) {
            r = add_damaged(walk, depth, &plan, offset);
            offset += plan.damaged;
            plan.count = 0;
        }
        for (unsigned i = 0; i < plan.count && r == WALK_DONE; i++) {
            r = add_planned(walk, image, depth, holes, &plan.extents[i]);
            offset += plan.extents[i].length;
        }
        if (r != WALK_DONE)
            return r;
    }
    return 0;
}

static int walk_image(struct walk *walk, struct qcow2_image *image, uint32_t depth, uint64_t count,
                      uint64_t offset)
{
    uint64_t start;
    struct qcow2_image *below =
        image->format == FORMAT_RAW ? image_store_beneath(image->store, &start) : NULL;

    return below ? walk_through(walk, below, start, depth, count, offset)
                 : walk_plans(walk, image, depth, count, offset);
}

static int gather(struct walk *walk, struct qcow2_image *image, uint64_t count, uint64_t offset)
{
    READ_SCOPE(&image->operations);

    if (image->disk == NULL || !range_within(offset, count, image->disk->size))
        return error_set(EINVAL,
                         "The %" PRIu64 " bytes to map at offset 0x%" PRIx64
                         " lie beyond the end of '%s', which has %" PRIu64 " bytes",
                         count, offset, image->filename, image_size(image));
    if (!walk->shallow && image->disk->backing_missing)
        return refuse_missing(image);
    return walk_image(walk, image, 0, count, offset);
}

static int hand_out(const struct walk *walk, unsigned count, qcow2_extent_callback *callback,
                    void *opaque)
{
    for (unsigned i = 0; i < count; i++) {
        int stop = callback(opaque, &walk->extents[i]);

        if (stop != 0)
            return stop;
    }
    return 0;
}

int image_map(struct qcow2_image *image, uint64_t count, uint64_t offset, uint32_t flags,
              qcow2_extent_callback *callback, void *opaque)
{
    struct walk walk = {
        .shallow = flags & QCOW2_MAP_SHALLOW,
        .damage = flags & QCOW2_MAP_DAMAGE,
    };

    while (count > 0) {
        int r = gather(&walk, image, count, offset), stop;
        unsigned ready = r == WALK_FULL ? walk.count - 1 : walk.count;
        struct error error;
        uint64_t next;

        error_save(&error);
        stop = hand_out(&walk, ready, callback, opaque);
        if (stop != 0 || r == WALK_DONE)
            return stop;
        if (r == -1)
            return error_restore(&error); /* so far the map was good */
        /* the last one may go on: it is the first of the next round */
        walk.extents[0] = walk.extents[ready];
        walk.count = 1;
        next = walk.extents[0].guest_offset + walk.extents[0].length;
        count -= next - offset;
        offset = next;
    }
    return 0;
}
