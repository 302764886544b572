/* SPDX-License-Identifier: BSD-3-Clause */
/* copy-plan.c - what is copied: the sources' maps, window by window */

#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "copy-plan.h"
#include "message.h"

/* What is skipped when salvaging where not even the map can be read. */
#define UNMAPPED_STEP (64u << 10)

typedef struct {
    uint64_t end;
    uint8_t kind;
} stretch;

static part *part_at(copier *c, uint64_t offset)
{
    while (offset >= c->parts[c->part].end)
        c->part++;
    return &c->parts[c->part];
}

static uint8_t kind_of(const copier *c, const part *p, const qcow2_extent *extent, uint64_t offset)
{
    bool held = extent->status & (QCOW2_EXTENT_PRESENT | QCOW2_EXTENT_DAMAGED);

    if (c->job->base_depth > 0) {
        if (held ? extent->depth >= c->job->base_depth : offset - p->start < p->visible_end)
            return SKIP;
    }
    if (held && !(extent->status & (QCOW2_EXTENT_ZERO | QCOW2_EXTENT_DAMAGED)))
        return DATA;
    return offset >= c->zeroes_from ? SKIP : ZERO;
}

static void warn(const copier *c, uint64_t offset, const char *why)
{
    if (!c->job->quiet && !c->counting)
        warning_report("error while reading block status at offset %" PRIu64 ": %s", offset, why);
}

static int go_on(void *opaque, const qcow2_extent *extent)
{
    (void)opaque;
    (void)extent;
    return 0;
}

/* Whoever maps the damage here without leave to do so hears why it is some, and warns of it; or is
 * told what is here, after all: an error of the medium may pass. */
static bool is_still_damaged(const copier *c, const part *p, uint64_t inside)
{
    if (qcow2_map(p->walk.image, 1, inside, 0, go_on, NULL) == 0)
        return false;
    warn(c, p->start + inside, qcow2_get_error());
    return true;
}

/* What it says now.  If that is damage again, reading will tell. */
static const qcow2_extent *look_again(part *p, uint64_t inside)
{
    const qcow2_extent *extent;

    extents_forget(&p->walk);
    extent = extents_at(&p->walk, inside);
    if (extent && extent->status & QCOW2_EXTENT_DAMAGED)
        p->walk.kept[p->walk.next].status = QCOW2_EXTENT_PRESENT | QCOW2_EXTENT_DATA;
    return extent;
}

/* Nothing is known about this place: report it, or when salvaging try to read it. */
static int unmapped_stretch(const copier *c, uint64_t offset, uint64_t end, stretch *s)
{
    if (!c->job->salvage)
        return -1;
    warn(c, offset, qcow2_get_error());
    *s = (stretch){ .end = min_u64(end, round_up(offset + 1, UNMAPPED_STEP)), .kind = DATA };
    return 0;
}

/* What is to be done at an offset of the target, and up to where. */
static int next_stretch(copier *c, uint64_t offset, stretch *s)
{
    part *p = part_at(c, offset);
    uint64_t inside = offset - p->start;
    const qcow2_extent *extent;

    if (inside >= p->walk.size) {
        *s = (stretch){ .end = p->end, .kind = ZERO };
        return 0;
    }
    extent = extents_at(&p->walk, inside);
    if (extent && extent->status & QCOW2_EXTENT_DAMAGED && extent->guest_offset == inside &&
        !c->counting && !is_still_damaged(c, p, inside))
        extent = look_again(p, inside);
    if (!extent)
        return unmapped_stretch(c, offset, p->start + p->walk.size, s);

    s->kind = kind_of(c, p, extent, offset);
    s->end = p->start + extent_end(extent);
    if (offset < c->zeroes_from)
        s->end = min_u64(s->end, c->zeroes_from);
    if (inside < p->visible_end)
        s->end = min_u64(s->end, p->start + p->visible_end);
    return 0;
}

bool plan_writes(const copier *c, uint8_t kind)
{
    return kind == DATA || (kind == ZERO && c->job->sparse_size == 0);
}

/* A unit which two stretches share is read and written: that is right whatever they are. */
static void paint(window *w, uint64_t from, uint64_t to, uint8_t kind)
{
    size_t first = from / UNIT, end = (to + UNIT - 1) / UNIT;

    if (from % UNIT != 0 && w->kind[first] != kind)
        w->kind[first++] = DATA;
    if (first < end)
        memset(w->kind + first, kind, end - first);
}

static int paint_window(copier *c, window *w)
{
    uint64_t limit = min_u64(c->size, w->offset + c->window), at = w->offset;
    stretch s;

    while (at < limit) {
        if (next_stretch(c, at, &s) == -1)
            return -1;
        if (at == w->offset && s.end >= limit && !plan_writes(c, s.kind)) {
            limit = s.end == c->size ? s.end : s.end - s.end % c->window;
            w->uniform = true;
            w->kind[0] = s.kind;
            break;
        }
        s.end = min_u64(s.end, limit);
        paint(w, at - w->offset, s.end - w->offset, s.kind);
        w->nb_data += plan_writes(c, s.kind) ? s.end - at : 0;
        at = s.end;
    }
    w->length = limit - w->offset;
    return 0;
}

bool plan_window(void *opaque, void *slot)
{
    copier *c = opaque;
    window *w = slot;

    if (c->failed || c->planned == c->size)
        return false;
    w->offset = c->planned;
    w->length = w->nb_data = 0;
    w->uniform = false;
    if (paint_window(c, w) == -1) {
        w->error = xasprintf("error while reading block status at offset %" PRIu64 ": %s",
                             w->offset, qcow2_get_error());
        c->failed = true;
    }
    c->planned += w->length;
    return true;
}

/* A base below images that are shorter than it shines through only up to the shortest, and below an
 * image without a backing file not at all. */
static uint64_t visible_end(qcow2_image *image, unsigned base_depth)
{
    uint64_t end = qcow2_get_size(image);

    for (; base_depth > 0; base_depth--) {
        image = qcow2_get_backing(image);
        if (!image)
            return 0;
        end = min_u64(end, qcow2_get_size(image));
    }
    return end;
}

void plan_begin(copier *c)
{
    const copy_job *job = c->job;

    for (size_t i = 0; i < job->nb_sources; i++) {
        part *p = &c->parts[i];

        extents_begin(&p->walk, job->sources[i], job->salvage ? QCOW2_MAP_DAMAGE : 0);
        p->start = i > 0 ? p[-1].end : 0;
        p->end = p->start + round_up(p->walk.size, UNIT);
        p->visible_end = job->base_depth > 0 ? visible_end(job->sources[i], job->base_depth) : 0;
    }
    c->part = 0;
}

int plan_count(copier *c)
{
    stretch s;

    plan_begin(c);
    c->counting = true;
    for (uint64_t at = 0; at < c->size; at = s.end) {
        if (next_stretch(c, at, &s) == -1) {
            error_report("error while reading block status at offset %" PRIu64 ": %s", at,
                         qcow2_get_error());
            return -1;
        }
        c->total += plan_writes(c, s.kind) ? s.end - at : 0;
    }
    c->counting = false;
    return 0;
}
